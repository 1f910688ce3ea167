"""Metrics of runs and workers that are read from the database when Prometheus asks."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from django.db import Error, close_old_connections
from django.db.models import Count, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from runs.execution import run_queue
from runs.models import Run, Worker

ASK_AT_ONCE = 2  # requests for the values from the database; others wait
ANSWER_S = 3.0  # seconds that the database gets to answer
PAUSED_LABEL = "held"
RUNS = (
    "Runs that have not ended: queued ones wait for a worker, "
    "held ones are paused in the queue, by a person or a budget."
)


class DatabaseMetrics(Collector):
    """Current values from the database, the same on every machine. Reports a database outage.

    Another thread asks the database. If it hangs, that thread waits for it, and not ours.
    """

    _threads = ThreadPoolExecutor(ASK_AT_ONCE, thread_name_prefix="metrics-database")

    def collect(self) -> Iterator[GaugeMetricFamily]:
        answers = GaugeMetricFamily("crewops_database_up", "Whether the database answers.")
        asking = self._threads.submit(self._ask_and_release)
        try:
            yield from asking.result(ANSWER_S)
        except (Error, TimeoutError):
            asking.cancel()  # if it has not begun
            answers.add_metric([], 0)
        else:
            answers.add_metric([], 1)
        yield answers

    def _ask_and_release(self) -> list[GaugeMetricFamily]:
        close_old_connections()
        try:
            return self._ask()
        finally:
            close_old_connections()

    def _ask(self) -> list[GaugeMetricFamily]:
        under_way = Run.objects.active().unscoped()
        active, at_work = Counter(), 0
        kinds = under_way.values_list("status", "pause_requested", "origin")
        for status, is_paused, origin, number in kinds.annotate(Count("pk")).order_by():
            active[PAUSED_LABEL if status == Run.Status.QUEUED and is_paused else status] += number
            if status == Run.Status.RUNNING and origin != Run.Origin.REPORTED:
                at_work += number
        runs = GaugeMetricFamily("crewops_runs", RUNS, labels=["status"])
        for status in (*Run.ACTIVE, PAUSED_LABEL):
            runs.add_metric([status], active.get(status, 0))
        free = [queue.first for queue in run_queue.crew_queues() if not queue.full]
        waiting = (timezone.now() - min(free)).total_seconds() if free else 0
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
                "How long the oldest run has waited that neither a pause nor a limit holds back.",
                waiting,
            ),
            workers,
            slots,
            GaugeMetricFamily(
                "crewops_worker_slots_used", "Runs that workers execute now.", at_work
            ),
        ]
