"""Which labels metrics get, and how long the queue is said to be."""

import pytest
from django.utils import timezone
from prometheus_client.metrics import MetricWrapperBase

from runs import metrics
from runs.database_metrics import DatabaseMetrics
from runs.models import Run, ToolExecution

pytestmark = pytest.mark.django_db


def labels(metric: MetricWrapperBase) -> set[frozenset]:
    return {
        frozenset(sample.labels.items() - {"le"})
        for one in metric.collect()
        for sample in one.samples
    }


def queue_seconds() -> float:
    found = {family.name: family for family in DatabaseMetrics()._ask()}
    return found["crewops_queue_seconds"].samples[0].value


def test_a_program_that_reports_makes_no_labels(django_capture_on_commit_callbacks):
    """Each would be a series for ever, and some reasons page people."""
    run = Run(origin=Run.Origin.REPORTED, status="failed", reason="worker_lost")
    call = ToolExecution(tool="made-up", status="error")
    call.started_at = call.ended_at = timezone.now()
    for reason in ("worker_lost", "made-up"):
        run.reason = reason
        with django_capture_on_commit_callbacks(execute=True):
            metrics.run_saved(run, {"status"})
            metrics.tool_saved(call, {"status"})
    reasons = {dict(each).get("reason") for each in labels(metrics.RUNS_ENDED)}
    tools = {dict(each).get("tool") for each in labels(metrics.TOOLS)}
    assert "reported" in reasons
    assert "other" in tools
    assert "made-up" not in reasons | tools


def test_a_run_that_a_limit_holds_back_does_not_wait(acme, globex):
    """More workers would not start it, so nobody is paged."""
    acme.crew.max_active_runs = 1
    acme.crew.save()
    Run.objects.create(crew=acme.crew)
    assert queue_seconds() > 0
    acme.start_run()
    assert queue_seconds() == 0
    Run.objects.create(crew=globex.crew)
    assert queue_seconds() > 0
