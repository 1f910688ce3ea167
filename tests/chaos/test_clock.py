"""A worker or a scheduler whose clock is ten minutes wrong ends no run too early and none
too late.
"""

import json
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from conftest import Tenant
from realtime.models import Event
from runs.models import Run, ToolExecution, Worker
from tests.chaos.work import give_scripts
from tests.live import Process, eventually

WRONG_S = 600.0
LEASE = {"RUN_LEASE_S": "2", "RUN_HEARTBEAT_S": "0.5", "REAPER_INTERVAL_S": "0.2"}
LEASES_S = 5  # a run takes more than two of them
START_S = 60.0
LOST_S = 12.0  # lease, sweep, and ten seconds for a busy machine

each_clock = pytest.mark.parametrize(
    ("worker", "scheduler"),
    [(WRONG_S, 0.0), (-WRONG_S, 0.0), (0.0, WRONG_S), (0.0, -WRONG_S)],
    ids=["worker ahead", "worker behind", "scheduler ahead", "scheduler behind"],
)


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Starts a module in a process whose clock is wrong by so many seconds."""
    started = []

    def start(wrong_s: float, *argv: str) -> Process:
        started.append(Process("-m", "tests.chaos.skewed", str(wrong_s), *argv, **LEASE))
        return started[-1]

    yield start
    for process in started:
        process.stop()


@each_clock
def test_leases_go_by_the_clock_of_the_database(
    acme: Tenant, transactional_db, start, worker, scheduler
):
    give_scripts(acme.crew, f"sleep {LEASES_S}", "sleep 300")
    start(scheduler, "manage", "reap_runs", "--loop")
    celery = start(worker, "celery", "-A", "crewops", "worker", "-c", "1")
    eventually(Worker.objects.alive().exists, START_S)
    run = Run.objects.request(crew=acme.crew)
    second = ToolExecution.objects.filter(task_execution__order=1, status="running")
    eventually(second.exists, START_S)  # so the first task was left in peace
    run.refresh_from_db()
    assert abs(run.started_at - timezone.now() - timedelta(seconds=worker)) < timedelta(minutes=1)

    celery.stop(signal.SIGKILL)
    eventually(lambda: Run.objects.get(pk=run.pk).is_over, LOST_S)
    run.refresh_from_db()
    assert (run.status, run.reason) == ("failed", "worker_lost")
    assert run.duration_s >= 0
    logged = Event.objects.filter(stream=f"run:{run.pk}").order_by("seq")
    events = [json.loads(body) for body in logged.values_list("body", flat=True)]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events].count("done") == 1
    assert events[-1]["duration_s"] >= 0
