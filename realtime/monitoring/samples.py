"""The scheduler's thread that keeps samples for the charts: ten seconds, and two minutes.

Several schedulers may run: the first sample of a time is kept.
"""

import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError
from django.utils import timezone

from realtime.models import MetricSample, ProcessReport
from realtime.monitoring.collecting import Collector, add_work, parts
from realtime.monitoring.measured import COUNTED, Measured, average, empty, merged
from runs.execution.background import PeriodicThread

SHORT_S = 10  # of the samples of the last hour
LONG_S = 120  # of those of the last day
KEPT_S = {SHORT_S: 3600 + 600, LONG_S: 24 * 3600 + 3600}  # 10 minutes and an hour to spare
REPORTS_KEPT_S = 3600  # those of processes that have ended
ORGANIZATIONS = 1_000  # in one sample, those with the most events; all are in the sum
SETTLED_S = 3.0  # after the end of a time: its events are committed, processes have reported
PRUNE_EVERY = 6  # samples
BATCH = 900  # rows deleted by one statement; SQLite accepts at least 999 parameters


class Recorder(PeriodicThread):
    """Keeps a sample of each time of `SHORT_S` seconds, once it has ended."""

    name = "monitoring"
    due = "samples of the monitoring page"

    def __init__(self) -> None:
        super().__init__()
        self._collector = Collector()
        self._reports: dict[str, dict[str, Any]] = {}  # the last that were taken, by process
        self._began = time.time()
        self._last = _settled(self._began)

    def run_once(self) -> None:
        at = _settled(time.time())
        if at == self._last:
            return
        self._last = at
        self.record(datetime.fromtimestamp(at, UTC))
        if at // SHORT_S % PRUNE_EVERY == 0:
            prune()

    def record(self, at: datetime) -> None:
        """Keep the sample of `SHORT_S` seconds from ``at`` on, and a longer one if it is complete.

        Raises ``DatabaseError``.
        """
        found: defaultdict[int | None, Measured] = defaultdict(empty)
        until = at + timedelta(seconds=SHORT_S)
        for organization, number in self._collector.events(at, until).items():
            found[organization]["events"] = number / SHORT_S
        add_work(found)
        self._add_reports(found)
        keep(at, SHORT_S, found)
        summarize(until)

    def _add_reports(self, found: defaultdict[int | None, Measured]) -> None:
        """Add what each process has counted since the report that was taken before."""
        reports = list(ProcessReport.objects.alive())
        latencies: defaultdict[int | None, list] = defaultdict(list)
        for report in reports:
            for organization, part in parts(report.recent):
                for name, number in part["gauges"].items():
                    found[organization][name] += number
            before = self._reports.get(report.name)
            if before is None and report.began < self._began:
                continue  # counted before this recorder began; the next difference is known
            since, old = before or (report.began, {})
            seconds = report.totals_at - since
            if seconds <= 0:  # no new totals yet: they cover more of the next sample
                continue
            for key, part in report.totals.items():
                organization = None if key == "all" else int(key)
                earlier = old.get(key, {"numbers": {}, "latency": {}})
                for name in COUNTED:
                    number = part["numbers"].get(name, 0) - earlier["numbers"].get(name, 0)
                    if number:
                        found[organization][name] += number / seconds
                latencies[organization].append(_difference(part["latency"], earlier["latency"]))
        for organization, of_processes in latencies.items():
            if total := merged(of_processes):
                found[organization]["latency"] = total
        self._reports = {r.name: (r.totals_at, r.totals) for r in reports}
        found[None]["processes"] = len(reports)


def _settled(now: float) -> float:
    """When the last time began that has ended and is settled."""
    return (now - SETTLED_S) // SHORT_S * SHORT_S - SHORT_S


def _difference(latest: dict[str, Any], earlier: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {
        hop: {
            bucket: number - before
            for bucket, number in buckets.items()
            if number > (before := earlier.get(hop, {}).get(bucket, 0))
        }
        for hop, buckets in latest.items()
    }


def keep(at: datetime, seconds: int, found: dict[int | None, Measured]) -> None:
    """Save the figures, unless the sample of this time exists."""
    whole = found.get(None) or empty()
    owned = [(key, part) for key, part in found.items() if key is not None and _has_news(part)]
    owned.sort(key=lambda item: item[1]["events"], reverse=True)
    rows = [
        MetricSample(at=at, seconds=seconds, organization_id=key, figures=_rounded(part))
        for key, part in [(None, whole), *owned[:ORGANIZATIONS]]
    ]
    samples = MetricSample.objects.unscoped()
    try:
        samples.bulk_create(rows, ignore_conflicts=True, batch_size=150)
    except IntegrityError:  # an organization has just been deleted
        samples.bulk_create(rows[:1], ignore_conflicts=True)


def summarize(until: datetime) -> None:
    """Keep the long samples of the last hour that are complete and missing."""
    samples = MetricSample.objects.unscoped()
    end = datetime.fromtimestamp(until.timestamp() // LONG_S * LONG_S, UTC)
    start = end - timedelta(hours=1)
    of_all = samples.filter(organization=None, at__gte=start, at__lt=end).order_by()
    done = {at.timestamp() for at in of_all.filter(seconds=LONG_S).values_list("at", flat=True)}
    times: defaultdict[float, int] = defaultdict(int)
    for at in of_all.filter(seconds=SHORT_S).values_list("at", flat=True):
        times[at.timestamp() // LONG_S * LONG_S] += 1
    for begin, number in times.items():
        if begin in done:
            continue
        at = datetime.fromtimestamp(begin, UTC)
        short = samples.filter(
            seconds=SHORT_S, at__gte=at, at__lt=at + timedelta(seconds=LONG_S)
        ).order_by()
        by_organization: defaultdict[int | None, list[Measured]] = defaultdict(list)
        for organization, figures in short.values_list("organization", "figures"):
            by_organization[organization].append(figures)
        keep(at, LONG_S, {key: average(p, number) for key, p in by_organization.items()})


def prune() -> None:
    """Delete the samples that no chart shows, and reports of processes that ended."""
    now = timezone.now()
    samples = MetricSample.objects.unscoped()
    for seconds, kept_s in KEPT_S.items():
        old = samples.filter(seconds=seconds, at__lt=now - timedelta(seconds=kept_s)).order_by()
        while found := list(old.values_list("pk", flat=True)[:BATCH]):
            samples.filter(pk__in=found).delete()
    oldest = now - timedelta(seconds=REPORTS_KEPT_S)
    ProcessReport.objects.filter(reported_at__lt=oldest).delete()


def _has_news(part: Measured) -> bool:
    return any(value for value in part.values())


def _rounded(part: Measured) -> Measured:
    """Without zeros, which need no place."""
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in part.items()
        if value
    }
