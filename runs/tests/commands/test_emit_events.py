"""The command emit_events: a synthetic run, its rate, and its end."""

import json
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.core.management import CommandError
from django.db import connections

from realtime.models import Event
from runs.models import Run, ToolExecution
from runs.tests.commands.calling import run
from tests.live import Process, eventually


def test_a_synthetic_run_is_whole_and_its_progress_has_the_time(transactional_db, acme):
    before = time.time_ns()
    out, _ = run("emit_events", crew="crew", rate=10, seconds=2)
    pk, summary = out.splitlines()
    synthetic = Run.objects.get(pk=pk)
    assert synthetic.status == "succeeded"
    assert synthetic.announced_at is None  # so it was not announced to a worker
    assert [t.status for t in synthetic.task_executions.all()] == ["succeeded", "succeeded"]
    messages = _messages(acme.crew.pk)
    seconds = re.match(rf"succeeded: {len(messages)} tool_progress events in ([\d.]+) s, ", summary)
    assert seconds, summary
    assert float(seconds[1]) >= 2
    assert 10 <= len(messages) <= 20
    times = [int(message.removeprefix("t=").split()[0]) for message in messages]
    assert before < times[0]
    assert times == sorted(set(times))


def test_no_worker_takes_a_synthetic_run(transactional_db, acme, monkeypatch):
    """Another connection, like a worker's, never sees the run as queued."""
    start, claimed = Run.start, []

    def claim() -> None:
        try:
            claimed.append(Run.objects.unscoped().waiting().count())
        finally:
            connections.close_all()

    def watched(self, **options):
        with ThreadPoolExecutor() as pool:
            pool.submit(claim).result()
        start(self, **options)

    monkeypatch.setattr(Run, "start", watched)
    run("emit_events", crew="crew", seconds=0.1)
    assert claimed == [0]


def test_a_rate_beyond_the_databases_ends_in_time(transactional_db, acme):
    begun = time.monotonic()
    run("emit_events", crew="crew", rate=1_000_000, seconds=0.5)
    assert time.monotonic() - begun < 10
    assert Run.objects.get().status == "succeeded"


def test_ctrl_c_cancels_a_synthetic_run(transactional_db, acme):
    process = Process("manage.py", "emit_events", "--crew=crew", "--seconds=60")
    eventually(lambda: _messages(acme.crew.pk), within_s=30)
    assert process.stop(signal.SIGINT) == 130
    assert "cancelled: " in process.log.read_text()
    assert Run.objects.get().status == "cancelled"


def test_a_synthetic_run_is_cancelled_like_any_other(transactional_db, acme):
    process = Process("manage.py", "emit_events", "--crew=crew", "--seconds=60", "--rate=0.1")
    eventually(ToolExecution.objects.filter(status="running").exists, within_s=30)
    Run.objects.get().cancel()
    eventually(lambda: not process.running)
    assert process.stop() == 0
    assert Run.objects.get().status == "cancelled"


def test_a_synthetic_run_that_was_ended_writes_no_more(transactional_db, acme):
    process = Process("manage.py", "emit_events", "--crew=crew", "--seconds=60")
    eventually(lambda: _messages(acme.crew.pk), within_s=30)
    Run.objects.get().finish("failed", reason="worker_lost")
    eventually(lambda: not process.running)
    assert process.stop() == 1
    assert "Somebody else has ended run" in process.log.read_text()
    assert Run.objects.get().status == "failed"


@pytest.mark.parametrize("option", ["rate", "seconds"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_a_rate_or_length_that_is_none_is_refused(acme, option, value):
    with pytest.raises(CommandError, match="give numbers above 0"):
        run("emit_events", "--crew=crew", f"--{option}={value}")
    assert not Run.objects.exists()


def test_a_crew_without_tasks_has_nothing_to_emit(acme):
    acme.crew.tasks.all().delete()
    with pytest.raises(CommandError, match="has no task"):
        run("emit_events", crew="crew")
    assert not Run.objects.exists()


def _messages(crew_id: UUID) -> list[str]:
    events = Event.objects.filter(stream_id=f"graph:{crew_id}", type="tool_progress")
    return [json.loads(body)["message"] for body in events.values_list("body", flat=True)]
