"""Metrics of runs and tools, counted by this process. Programs that report make no labels."""

from collections.abc import Callable, Collection
from functools import partial

from django.db import transaction
from prometheus_client import Counter as CounterMetric
from prometheus_client import Histogram
from prometheus_client.metrics import MetricWrapperBase

from crews import batches
from runs.models import Run, ToolExecution
from runs.tools import REGISTRY

RUNS_ENDED = CounterMetric("crewops_runs_ended", "Runs that have ended.", ["status", "reason"])
REPORTED = "reported"  # the reason of each reported run that has ended: programs choose theirs
OTHER_TOOL = "other"  # each tool that is not ours: programs choose the names of theirs
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
        ended = RUNS_ENDED.labels(run.status, REPORTED if run.is_reported else run.reason)
        transaction.on_commit(ended.inc)


def tool_saved(execution: ToolExecution, changed: Collection[str]) -> None:
    if execution.ended_at and "status" in changed:
        tool = execution.tool if execution.tool in REGISTRY else OTHER_TOOL
        took = partial(TOOLS.labels(tool, execution.status).observe, execution.duration_s)
        if batch := batches.current():
            batch.get_part(_Observed).append(took)
        else:
            transaction.on_commit(took)


class _Observed(list[Callable[[], None]]):
    """The tools that end in a batch, observed when it is committed."""

    def write(self) -> None:
        transaction.on_commit(self._observe)

    def _observe(self) -> None:
        for observe in self:
            observe()


def known_labels() -> dict[MetricWrapperBase, list[tuple[str, ...]]]:
    """Return the labels known in advance. Other reasons appear when they first occur."""
    status = Run.Status
    failures = ("task_failed", "worker_lost", "workspace_lost", "internal_error")
    ended = [s for s in ToolExecution.Status.values if s != ToolExecution.Status.RUNNING]
    return {
        RUNS_ENDED: [
            (status.SUCCEEDED.value, ""),
            (status.CANCELLED.value, "cancelled"),
            *((status.FAILED.value, reason) for reason in failures),
            *((how, REPORTED) for how in Run.TERMINAL),
        ],
        TOOLS: [(tool, how) for tool in (*REGISTRY, OTHER_TOOL) for how in ended],
    }
