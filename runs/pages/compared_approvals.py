"""Approvals in the comparison of two runs: calls that never began, and how long others waited."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from runs.models import Approval, TaskExecution
from runs.models.timespan import MAX_CLOCK_SKEW
from runs.pages.compared_steps import ComparedStep

BEGINS_WITHIN = timedelta(minutes=1)  # after the decision; a later call is another one
CALLS_BEFORE = 20  # that may still wait when a decision is made, of one tool of an agent

Placed = tuple[Any, ComparedStep]  # a step with its task execution, or its agent outside tasks


class ApprovalFacts(NamedTuple):
    """An approval. ``by`` names a person, so it is for members only."""

    run: UUID
    task_id: UUID | None
    agent_id: str
    id: UUID
    tool: str
    status: str
    requested_at: datetime
    decided_at: datetime | None
    by: str


def asked_by_run(
    runs: Iterable[UUID], at_most: int
) -> tuple[dict[UUID, list[ApprovalFacts]], bool]:
    """The approvals of each run, in the order of their requests, and whether there are more."""
    rows = Approval.objects.unscoped().filter(run__in=runs).order_by("requested_at", "id")
    read = [ApprovalFacts(*row) for row in rows.values_list(*ApprovalFacts._fields)[: at_most + 1]]
    found: dict[UUID, list[ApprovalFacts]] = defaultdict(list)
    for asked in read[:at_most]:
        found[asked.run].append(asked)
    return found, len(read) > at_most


def refused_steps(
    executions: Sequence[TaskExecution], asked: Iterable[ApprovalFacts]
) -> Iterator[Placed]:
    """The calls that never began: a person denied them, or nobody decided in time."""
    task_of = {row.task_id: row.pk for row in executions}
    for one in asked:
        if one.status in Approval.REFUSED and (task := task_of.get(one.task_id)):
            times = (one.requested_at, one.decided_at)
            yield task, ComparedStep(one.id, "tool", one.tool, one.status, *times)


def with_waits(
    executions: Sequence[TaskExecution], tools: Sequence[Placed], asked: Iterable[ApprovalFacts]
) -> list[Placed]:
    """The tool calls, in the order of their start, with how long they waited and who approved them.

    An approval does not name its call. So it is that of the same agent and tool, and of the same
    task if it has one, which began next to the wait.
    """
    agent_of = {row.pk: row.agent_id for row in executions}
    task_of = {row.task_id: row.pk for row in executions}
    open_calls: dict[tuple[str, str], list[int]] = defaultdict(list)
    found = list(tools)
    for number, (task, step) in enumerate(found):
        open_calls[agent_of.get(task, ""), step.name].append(number)
    for one in asked:
        if one.status != Approval.Status.APPROVED:
            continue
        calls = open_calls[one.agent_id, one.tool]
        task = task_of.get(one.task_id)
        of_task = [number for number in calls if task is None or found[number][0] == task]
        number = _call_of(one, of_task, [found[number][1] for number in of_task])
        if number is not None:
            calls.remove(number)
            own, step = found[number]
            waited_s = (one.decided_at - one.requested_at).total_seconds()
            found[number] = own, replace(step, waited_s=waited_s, approved_by=one.by)
    return found


def _call_of(one: ApprovalFacts, numbers: list[int], steps: list[ComparedStep]) -> int | None:
    """The number of the call that began next to the decision, or last before the request.

    Some programs report a call before they ask. It is still open when the decision is made.
    """
    began = [step.started_at for step in steps]
    first = bisect_left(began, one.decided_at - MAX_CLOCK_SKEW)
    last = min(bisect_left(began, one.decided_at) + 1, len(steps))
    gaps = {}
    for place in range(max(first - CALLS_BEFORE, 0), last):
        step = steps[place]
        if step.started_at <= one.requested_at:
            if not _ended_before(step, one.decided_at):
                gaps[place] = one.requested_at - step.started_at
        elif place >= first and step.started_at - one.decided_at <= BEGINS_WITHIN:
            gaps[place] = abs(step.started_at - one.decided_at)
    return numbers[min(gaps, key=gaps.__getitem__)] if gaps else None


def _ended_before(step: ComparedStep, moment: datetime) -> bool:
    return step.ended_at is not None and step.ended_at < moment
