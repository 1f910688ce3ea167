"""What held a run up and what people asked of it, for the comparison of two runs."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from runs.models import Control, Run
from runs.pages.compared_approvals import ApprovalFacts
from runs.pages.pauses import Span, pauses_of


@dataclass(frozen=True, slots=True)
class Facts:
    """``waited_s``: while at least one call waited for approval, of ``waits`` calls."""

    pauses: int
    paused_s: float
    waits: int
    waited_s: float
    messages: int
    is_cancel_asked: bool

    def __bool__(self) -> bool:
        return bool(self.pauses or self.waits or self.messages or self.is_cancel_asked)


class Request(NamedTuple):
    """A control of a run, without who asked and without the text."""

    run: UUID
    action: str
    status: str
    ended_at: datetime | None


def requests_by_run(runs: Iterable[UUID]) -> dict[UUID, list[Request]]:
    """The controls of each run. Their number is limited: ``CONTROLS_PER_RUN``."""
    found: dict[UUID, list[Request]] = defaultdict(list)
    rows = Control.objects.unscoped().filter(run__in=runs).order_by("requested_at", "id")
    for row in rows.values_list(*Request._fields):
        found[row[0]].append(Request(*row))
    return found


def facts_of(run: Run, controls: list[Request], asked: list[ApprovalFacts], now: datetime) -> Facts:
    until = run.ended_at or now
    begun = run.started_at or until  # the time in the queue is no part of the run's duration
    spans = [(max(first, begun), min(last, until)) for first, last in pauses_of(controls, until)]
    paused = [(first, last) for first, last in spans if last > first]
    waits = [(one.requested_at, one.decided_at or until) for one in asked]
    wanted = [one.action for one in controls if one.status != Control.Status.REFUSED]
    return Facts(
        pauses=len(paused),
        paused_s=_length_s(paused),
        waits=len(waits),
        waited_s=_length_s(waits),
        messages=wanted.count(Control.Action.MESSAGE),
        is_cancel_asked=Control.Action.CANCEL in wanted,
    )


def _length_s(spans: Iterable[Span]) -> float:
    """How long at least one of the spans went on."""
    total, covered = timedelta(), None
    for first, last in sorted(spans):
        first = first if covered is None else max(first, covered)
        if last > first:
            total += last - first
            covered = last
    return total.total_seconds()
