"""Ids and times of a reporter's events, in terms of its run."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from runs.models import ReportedRun, Run
from runs.reporting.reported_kinds import ReportedEvent

OLDEST = timedelta(days=1)  # limit for how long before its receipt a run may have started


def start_of_run(at: float, received: datetime) -> datetime:
    """Return when a run began: ``at``, but not earlier than ``OLDEST``, nor after the receipt."""
    began = max(min(at, received.timestamp()), (received - OLDEST).timestamp())
    return datetime.fromtimestamp(began, received.tzinfo)


class ReportedTimes:
    """A part of `EventApplier`."""

    def __init__(self, run: Run, reported: ReportedRun, received: datetime) -> None:
        self._run = run
        self._reported = reported
        self._received = received
        self._known_ids: dict[tuple[str, str], UUID] = {}

    def _id(self, kind: str, id: str) -> UUID:
        """Return our id for an id of the reporter, which is unique only within its run."""
        if (known := self._known_ids.get((kind, id))) is None:
            known = self._known_ids[kind, id] = uuid5(self._run.pk, f"{kind} {id}")
        return known

    def _at(self, event: ReportedEvent) -> datetime:
        """Return when it happened: never before the run's start, never after the receipt."""
        if event.at is None:
            return self._received
        ours = event.at - self._reported.clock_ahead_s
        moment = datetime.fromtimestamp(max(ours, 0.0), self._received.tzinfo)
        return max(min(moment, self._received), self._run.started_at)

    def _before(self, at: datetime, duration_s: float | None) -> datetime:
        return max(at - timedelta(seconds=duration_s or 0.0), self._run.started_at)

    def _ended(self, started_at: datetime, at: datetime, duration_s: float | None) -> datetime:
        """Return the time of the end. A reported duration counts, but never beyond the receipt."""
        if duration_s is None:
            return max(at, started_at)
        return max(min(started_at + timedelta(seconds=duration_s), self._received), started_at)
