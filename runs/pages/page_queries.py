"""Queries of every run page that do not depend on what it shows, made once."""

from collections.abc import Iterable
from enum import Enum
from functools import cache
from typing import Any
from uuid import UUID

from django.db.models import (
    Count,
    DateTimeField,
    F,
    Max,
    Min,
    Model,
    Q,
    QuerySet,
    TextField,
    UUIDField,
)

from crews.compiled_queries import AnyOf, BindList, BindParam, Select
from crews.keyset import following
from runs.models import (
    AgentExecution,
    Approval,
    BudgetAlert,
    Control,
    Run,
    TaskExecution,
    ToolExecution,
)

EVENTS_AT_ONCE = 100  # of a page of events
FEW = 100  # rows of a kind that are read together, whatever part of the run a page shows
SPAN_STATUSES = ("running", "succeeded", "failed", "cancelled")

CALL = ("pk", "task_execution", "tool", "status", "exit_code", "started_at", "ended_at")

RUN = BindParam("run", UUIDField())
UNTIL = BindParam("until", DateTimeField())
AT = BindParam("at", DateTimeField())  # of a page's end


def _few(model: type[Model]) -> Select:
    return Select(lambda: model.objects.unscoped().filter(run=RUN)[: FEW + 1])


def _spans(model: type[Model], *, is_past: bool) -> Select:
    """For each agent: its id, the first start, the last end, and the count of each status."""

    def make() -> QuerySet:
        began, ended = (Q(started_at__lte=UNTIL), Q(ended_at__lte=UNTIL)) if is_past else (Q(), Q())
        counts = {name: Count("pk", filter=Q(status=name) & ended) for name in SPAN_STATUSES}
        if is_past:
            counts["running"] = Count("pk", filter=Q(ended_at=None) | Q(ended_at__gt=UNTIL))
        grouped = model.objects.unscoped().filter(began, run=RUN).order_by().values("agent_id")
        times = {"began": Min("started_at"), "ended": Max("ended_at", filter=ended)}
        return grouped.annotate(**times, **counts).values_list("agent_id", *times, *counts)

    return Select(make)


CONTROLS, APPROVALS, BUDGET_ALERTS = _few(Control), _few(Approval), _few(BudgetAlert)
# By whether the run is reported, and whether its past is shown.
SPANS = {
    (is_reported, is_past): _spans(model, is_past=is_past)
    for is_reported, model in ((True, AgentExecution), (False, TaskExecution))
    for is_past in (True, False)
}


def _tasks() -> QuerySet[TaskExecution]:
    return TaskExecution.objects.unscoped().filter(run=RUN).order_by("order", "started_at")


_STATUSES = Select(lambda: _tasks().values_list("task_id", "status"))
_SPANS_OF_TASKS = Select(
    lambda: _tasks().values_list("task_id", "status", "started_at", "ended_at")
)
_SHOWN = Select(
    lambda: _tasks().filter(
        AnyOf(F("task_id"), BindList("tasks", UUIDField()))
        | AnyOf(F("agent_id"), BindList("agents", TextField()))
    )
)


def task_statuses(run: Run) -> list[tuple]:
    """The id and the status of each task that has begun, in order."""
    return _STATUSES.rows(run=run.pk)


def task_times(run: Run) -> list[tuple]:
    """The id, the status, the start and the end of each task that has begun, in order."""
    return _SPANS_OF_TASKS.rows(run=run.pk)


def tasks_of(run: Run, *, tasks: set[str], agents: list[str]) -> list[TaskExecution]:
    """The executions of these tasks, and those of these agents, in order."""
    found = _SHOWN.rows(run=run.pk, tasks=map(UUID, tasks), agents=agents)
    for task in found:
        task.run = run
    return found


class Side(Enum):
    """How the events of a kind compare with the end of a page of events, at the same time."""

    ALL = "the page has no end"
    LOWER = "their rank is lower: they come before it"
    SAME = "their rank is the same: those with a lower id come before it"
    HIGHER = "their rank is higher: they come after it"


def _before(field: str, side: Side, at: Any, id: Any) -> Q:
    """Match rows whose event, at the time in ``field``, comes before the page's end."""
    match side:
        case Side.ALL:
            return Q()
        case Side.SAME:
            return following((f"-{field}", "-id"), [at, id])
        case Side.LOWER:
            return Q(**{f"{field}__lte": at})
        case Side.HIGHER:
            return Q(**{f"{field}__lt": at})


def last(
    rows: QuerySet[Any],
    times: Iterable[tuple[str, Side]],
    at: Any,
    id: Any,
    *also: QuerySet[Any],
) -> QuerySet[Any]:
    """Select the last rows before a page's end by each of ``times``, and the first of ``also``.

    Of each as many as a page has, and one that says whether there are more. ``times`` are those of
    the kinds of events: a field, perhaps of several kinds, and the side of each kind.
    """
    chosen = Q()
    for field, side in times:
        earlier = rows.filter(_before(field, side, at, id), **{f"{field}__isnull": False})
        chosen |= _first(earlier.order_by(f"-{field}", "-pk"))
    for more in also:
        chosen |= _first(more)
    return rows.filter(chosen)


def _first(rows: QuerySet[Any]) -> Q:
    return Q(pk__in=rows.values("pk")[: EVENTS_AT_ONCE + 1])


def _begun(end: Side) -> QuerySet[TaskExecution]:
    return TaskExecution.objects.unscoped().filter(_before("started_at", end, AT, None), run=RUN)


@cache
def newest_tasks(end: Side, number: int) -> Select:
    """The start and the id of the last tasks that started before a page's end, newest first."""
    return Select(
        lambda: (
            _begun(end).order_by("-started_at", "-pk").values_list("started_at", "task_id")[:number]
        )
    )


@cache
def tasks_since(end: Side, *, is_part: bool) -> Select:
    """The tasks that started before a page's end. ``is_part``: those that ran at ``since`` or
    after.
    """
    since = Q(ended_at=None) | Q(ended_at__gte=BindParam("since", DateTimeField()))
    return Select(lambda: _begun(end).filter(since if is_part else Q()))


@cache
def last_tools(start: Side, end: Side) -> Select:
    """The fields ``CALL`` of the tools of ``tasks`` that started or ended last before a page's end.

    The end is given by ``at`` and ``id``.
    """

    def make() -> QuerySet:
        tasks = BindList("tasks", UUIDField())
        tools = ToolExecution.objects.unscoped().filter(AnyOf(F("task_execution"), tasks))
        times = (("started_at", start), ("ended_at", end))
        chosen = last(tools, times, AT, BindParam("id", UUIDField()))
        return chosen.order_by().values_list(*CALL)

    return Select(make)
