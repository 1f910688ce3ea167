"""A reporter that falls silent: its run ends `reporter_lost`, once, and not before."""

from datetime import timedelta

import pytest
from django.db import models
from django.utils import timezone

from runs.execution import reaper
from runs.models import AgentExecution, ReportedRun, Run
from runs.tests.reporting.conftest import types
from runs.tests.reporting.test_reporting import story


def let_pass(run: Run, seconds: float) -> None:
    rows = Run.objects.filter(pk=run.pk)
    models.QuerySet.update(rows, lease_until=models.F("lease_until") - timedelta(seconds=seconds))


@pytest.mark.parametrize(("beats", "lease_s"), [(True, 60), (False, 900)])
def test_silence_ends_the_run(program, run_of, beats, lease_s):
    program.send(*story()[:5], *([{"run": "nightly-1", "type": "beat"}] if beats else []))
    run = run_of("nightly-1")
    left = run.lease_until - timezone.now()
    assert timedelta(seconds=lease_s - 10) < left <= timedelta(seconds=lease_s)
    let_pass(run, lease_s - 15)
    assert reaper.sweep()["worker_lost"] == 0
    let_pass(run, 16)
    reaper.sweep()
    reaper.sweep()
    run.refresh_from_db()
    assert (run.status, run.reason) == ("failed", "reporter_lost")
    assert f"{lease_s} s" in run.message
    assert types(run).count("done") == 1
    assert AgentExecution.objects.get().status == "failed"
    late = program.send({"run": "nightly-1", "id": "z", "type": "agent_start", "agent_id": "a"})
    assert late["rejected"][0]["code"] == "run_ended"


def test_any_event_renews_the_lease(program, run_of):
    program.send(*story()[:1], {"run": "nightly-1", "type": "beat"})
    let_pass(run_of("nightly-1"), 50)
    program.send(*story()[1:2])
    assert run_of("nightly-1").lease_until > timezone.now() + timedelta(seconds=50)
    assert ReportedRun.objects.get().beats
