"""Metrics of runs and tools: counters of this process, and current values from the database."""

from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial

from django.db import DatabaseError, transaction
from django.db.models import Count, Min, Sum
from django.utils import timezone
from prometheus_client import Counter as CounterMetric
from prometheus_client import Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from runs.models import Run, ToolExecution, Worker
from runs.tools import REGISTRY

HELD = "held"
RUNS = (
    "Runs that have not ended: queued ones wait for a worker, "
    "held ones are paused in the queue, by a person or a budget."
)
RUNS_ENDED = CounterMetric("crewops_runs_ended", "Runs that have ended.", ["status", "reason"])
TOOLS = Histogram(
    "crewops_tool_seconds",
    "How long calls of tools took, by how they ended.",
    ["tool", "status"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)
LEASES_LOST = CounterMetric(
    "crewops_leases_lost", "Runs that were taken away from a worker of this machine."
)


def run_saved(run: Run, changed: Collection[str]) -> None:
    if run.is_over and "status" in changed:
        ended = RUNS_ENDED.labels(run.status, run.reason)
        transaction.on_commit(ended.inc)


def tool_saved(execution: ToolExecution, changed: Collection[str]) -> None:
    if execution.ended_at and "status" in changed:
        took = TOOLS.labels(execution.tool, execution.status)
        transaction.on_commit(partial(took.observe, execution.duration_s))


def known_labels() -> dict[MetricWrapperBase, list[tuple[str, ...]]]:
    """Return the labels known in advance. Other reasons and tools appear when they first occur."""
    status = Run.Status
    failures = ("task_failed", "worker_lost", "workspace_lost", "internal_error")
    ended = [s for s in ToolExecution.Status.values if s != ToolExecution.Status.RUNNING]
    return {
        RUNS_ENDED: [
            (status.SUCCEEDED.value, ""),
            (status.CANCELLED.value, "cancelled"),
            *((status.FAILED.value, reason) for reason in failures),
        ],
        TOOLS: [(tool, how) for tool in REGISTRY for how in ended],
    }


class Present(Collector):
    """Current values from the database, the same on every machine. Reports a database outage."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        answers = GaugeMetricFamily("crewops_database_up", "Whether the database answers.")
        try:
            yield from self._ask()
        except DatabaseError:
            answers.add_metric([], 0)
        else:
            answers.add_metric([], 1)
        yield answers

    def _ask(self) -> list[GaugeMetricFamily]:
        under_way = Run.objects.active().unscoped()
        active, at_work = Counter(), 0
        kinds = under_way.values_list("status", "pause_requested", "origin")
        for status, is_paused, origin, number in kinds.annotate(Count("pk")).order_by():
            active[HELD if status == Run.Status.QUEUED and is_paused else status] += number
            if status == Run.Status.RUNNING and origin != Run.Origin.REPORTED:
                at_work += number
        runs = GaugeMetricFamily("crewops_runs", RUNS, labels=["status"])
        for status in (*Run.ACTIVE, HELD):
            runs.add_metric([status], active.get(status, 0))
        since = Run.objects.unscoped().waiting().aggregate(since=Min("created_at"))["since"]
        waiting = (timezone.now() - since).total_seconds() if since else 0
        alive = Worker.objects.alive().values_list("tier").order_by()
        tiers = list(alive.annotate(Count("pk"), Sum("slots")))
        workers = GaugeMetricFamily(
            "crewops_workers", "Workers alive, by the tier of their tools' box.", labels=["tier"]
        )
        slots = GaugeMetricFamily(
            "crewops_worker_slots", "Runs that the workers execute at once.", labels=["tier"]
        )
        for tier, number, of_tier in tiers:
            workers.add_metric([tier], number)
            slots.add_metric([tier], of_tier)
        return [
            runs,
            GaugeMetricFamily(
                "crewops_queue_seconds",
                "How long the oldest run has waited that no pause holds back.",
                waiting,
            ),
            workers,
            slots,
            GaugeMetricFamily(
                "crewops_worker_slots_used", "Runs that workers execute now.", at_work
            ),
        ]
