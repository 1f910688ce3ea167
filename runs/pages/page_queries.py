"""Queries of every run page that do not depend on what it shows, made once."""

from django.db.models import (
    Count,
    DateTimeField,
    Max,
    Min,
    Model,
    Q,
    QuerySet,
    UUIDField,
)

from crews.compiled_queries import BindParam, Select
from runs.models import (
    AgentExecution,
    Approval,
    BudgetAlert,
    Control,
    TaskExecution,
)

FEW = 100  # rows of a kind that are read together, whatever part of the run a page shows
SPAN_STATUSES = ("running", "succeeded", "failed", "cancelled")

RUN = BindParam("run", UUIDField())
UNTIL = BindParam("until", DateTimeField())


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
