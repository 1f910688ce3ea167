"""Adds up the current figures: reports of web processes, events in the log, runs and workers."""

import time
from collections import defaultdict, deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Min, Q, Sum
from django.utils import timezone

from realtime.latency import Buckets
from realtime.models import Event, ProcessReport
from realtime.monitoring.measured import COUNTED, Measured, empty, merged
from realtime.monitoring.owners import Owners
from realtime.monitoring.process_reports import EVERYTHING
from runs.models import Run, Worker
from runs.models.run_queryset import PAUSED_IN_QUEUE, READY_FOR_WORKER

# An event is counted so long after its timestamp, because it is committed a little later.
LAG_S = 1.0
LONGEST_S = 10.0  # limit for the time whose events are counted, after a pause in collecting
LATENCY_S = 30.0  # latencies of so long are shown together, because they are samples

Part = dict[str, Any]


class Collected(NamedTuple):
    """The figures of each organization. Those of everything have the key ``None``."""

    at: datetime
    by_organization: dict[int | None, Measured]
    without_redis: int  # web processes

    def of(self, organization: int | None) -> Measured:
        return self.by_organization.get(organization) or empty()


class Collector:
    """Collects again and again, for one thread at a time."""

    def __init__(self) -> None:
        self._owners = Owners()
        self._counted_until: datetime | None = None
        self._seen: dict[str, float] = {}  # time of the last report taken from each process
        self._latencies: deque[tuple[float, dict[int | None, dict[str, Buckets]]]] = deque()

    def collect(self) -> Collected:
        """The figures of the last seconds. Raises ``DatabaseError``."""
        now = timezone.now()
        found: defaultdict[int | None, Measured] = defaultdict(empty)
        reports = list(ProcessReport.objects.alive().defer("totals"))
        for report in reports:
            self._add_report(found, report)
        self._seen = {report.name: report.at for report in reports}
        until = now - timedelta(seconds=LAG_S)
        first = until - timedelta(seconds=2 * LAG_S)
        after = self._counted_until or first
        after = max(after, until - timedelta(seconds=LONGEST_S))
        self._counted_until = until
        seconds = max((until - after).total_seconds(), 0.001)
        for organization, number in self.events(after, until).items():
            found[organization]["events"] = number / seconds
        add_work(found)
        self._add_latencies(found)
        found[None]["processes"] = len(reports)
        without = sum(report.has_redis is False for report in reports)
        return Collected(now, dict(found), without)

    def events(self, after: datetime, until: datetime) -> dict[int | None, int]:
        """The number of events between these times, in the whole log and by organization."""
        logged = Event.objects.filter(created_at__gt=after, created_at__lte=until)
        numbers = dict(logged.order_by().values_list("stream").annotate(number=Count("seq")))
        owners = self._owners.of(numbers)
        found: defaultdict[int | None, int] = defaultdict(int)
        for stream, number in numbers.items():
            found[None] += number
            if stream in owners:
                found[owners[stream]] += number
        return dict(found)

    def _add_report(self, found: defaultdict[int | None, Measured], report: ProcessReport) -> None:
        for organization, part in parts(report.recent):
            measured = found[organization]
            for name, number in part["gauges"].items():
                measured[name] += number
            for name in COUNTED:
                number = part["numbers"].get(name, 0)
                measured[name] += number / max(report.recent_s, 0.001)
        if self._seen.get(report.name) != report.at:
            latencies = {key: part["latency"] for key, part in parts(report.recent)}
            self._latencies.append((time.monotonic(), latencies))

    def _add_latencies(self, found: defaultdict[int | None, Measured]) -> None:
        while self._latencies and self._latencies[0][0] < time.monotonic() - LATENCY_S:
            self._latencies.popleft()
        for organization in {key for _, part in self._latencies for key in part}:
            of_organization = (part.get(organization, {}) for _, part in self._latencies)
            found[organization]["latency"] = merged(of_organization)


def parts(recorded: dict[str, Part]) -> Iterable[tuple[int | None, Part]]:
    for key, part in recorded.items():
        yield (None if key == EVERYTHING else int(key)), part


def add_work(found: defaultdict[int | None, Measured]) -> None:
    """Add the runs that wait, are held back or run, and for everything the workers."""
    now = datetime.now(UTC)
    active = Run.objects.unscoped().active().order_by().values_list("crew__organization")
    counted = active.annotate(
        queued=Count("pk", filter=READY_FOR_WORKER),
        held=Count("pk", filter=PAUSED_IN_QUEUE),
        since=Min("created_at", filter=READY_FOR_WORKER),
        running=Count("pk", filter=Q(status=Run.Status.RUNNING)),
        reported=Count("pk", filter=Q(status=Run.Status.RUNNING, origin=Run.Origin.REPORTED)),
    )
    for organization, queued, held, since, running, reported in counted:
        queue_s = max((now - since).total_seconds(), 0.0) if since else 0
        for measured in (found[organization], found[None]):
            measured["queued"] += queued
            measured["held"] += held
            measured["running"] += running
            measured["slots_used"] += running - reported
            measured["queue_s"] = max(measured["queue_s"], round(queue_s, 1))
    workers = Worker.objects.alive().aggregate(workers=Count("pk"), slots=Sum("slots"))
    found[None] |= {"workers": workers["workers"], "slots": workers["slots"] or 0}
