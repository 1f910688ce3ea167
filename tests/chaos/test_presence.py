"""With the real times: a dead worker is noticed in time, and another one is enough to go on."""

import signal
import time

import pytest

from conftest import Tenant
from crews.models import Crew
from runs.models import Run, ToolExecution, Worker
from tests.chaos import processes
from tests.chaos.work import STUBBORN, give_scripts
from tests.live import Process, eventually

START_S = 60.0
OFFLINE_S = 30.0  # after the death of the last worker
ENDED_S = 45.0  # its runs


@pytest.fixture
def scheduler(transactional_db):
    process = Process("manage.py", "reap_runs", "--loop")
    yield process
    process.stop()


def worker() -> Process:
    return Process("-m", "celery", "-A", "crewops", "worker", "--concurrency", "2")


def test_a_crew_is_offline_without_a_worker_and_comes_back_with_one(acme: Tenant, scheduler):
    def is_(status: str) -> bool:
        return Crew.objects.get(pk=acme.crew.pk).status == status

    processes.adopt_orphans()
    before = processes.below()
    give_scripts(acme.crew, STUBBORN.format(lines=6000), "exit")
    first = worker()
    eventually(lambda: is_("available"), START_S)
    run = Run.objects.request(crew=acme.crew)
    eventually(ToolExecution.objects.filter(output_length__gt=0).exists, START_S)
    assert is_("busy")

    first.stop(signal.SIGKILL)
    died = time.monotonic()
    eventually(lambda: not processes.below() - before, ENDED_S)
    gone_s = time.monotonic() - died
    eventually(lambda: is_("offline"), OFFLINE_S)
    offline_s = time.monotonic() - died
    eventually(lambda: Run.objects.get(pk=run.pk).is_over, ENDED_S)
    ended_s = time.monotonic() - died
    print(
        f"no tool after {gone_s:.1f} s, offline after {offline_s:.1f} s, over after {ended_s:.1f} s"
    )
    assert offline_s <= OFFLINE_S
    assert ended_s <= ENDED_S
    assert Run.objects.get(pk=run.pk).reason == "worker_lost"
    assert f"Run {run.pk}: worker {run_worker(run)} was lost" in scheduler.log.read_text()

    second = worker()
    eventually(lambda: is_("available"), START_S)
    second.stop()
    assert not Worker.objects.alive().exists()
    eventually(lambda: is_("offline"))  # who says goodbye is not waited for


def run_worker(run: Run) -> str:
    return Run.objects.get(pk=run.pk).worker
