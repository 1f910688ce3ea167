"""Queued runs begin at a worker that is idle, whatever the others are busy with."""

import signal
from collections.abc import Iterator

import pytest

from runs.models import Run, ToolExecution, Worker
from tests.live import Process, eventually

LONG_S, SHORT = 600, 4  # seconds of the long run, number of short ones

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workers(redis_server) -> Iterator[list[Process]]:
    """Two workers that carry out one run each."""
    command = ("-m", "celery", "-A", "crewops", "worker", "--concurrency", "1", "-n")
    processes = [Process(*command, f"{name}@%h") for name in ("one", "two")]
    eventually(lambda: Worker.objects.alive().count() == 2, within_s=60)
    yield processes
    for process in processes:
        process.stop(signal.SIGQUIT)


def script(code: str) -> dict:
    return {"tool": "script", "params": {"interpreter": "bash", "code": code}}


def test_a_busy_worker_takes_no_message_away_from_an_idle_one(acme, workers):
    """No scheduler sends a message again, so a run whose message waits in the busy one stays."""
    acme.crew.tasks.last().delete()
    acme.give_steps(script(f"sleep {LONG_S}"))
    long = Run.objects.request(crew=acme.crew)
    eventually(ToolExecution.objects.filter(status="running").exists, within_s=60)
    acme.give_steps(script("true"))
    runs = [Run.objects.request(crew=acme.crew).pk for _ in range(SHORT)]
    done = Run.objects.filter(pk__in=runs, status="succeeded")
    eventually(lambda: done.count() == SHORT)
    long.refresh_from_db()
    assert long.status == "running"
    assert set(done.values_list("worker", flat=True)) == {
        name for name in Worker.objects.values_list("name", flat=True) if name != long.worker
    }
