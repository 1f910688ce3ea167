"""A worker pauses its run: between steps, and at once where its tool can stop."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from runs.execution import controls, run_queue
from runs.execution import lease as lease_module
from runs.execution.executor import execute, workspace_of
from runs.models import Control, Run, ToolExecution
from runs.tests.reporting.conftest import types
from runs.tools import launch
from tests.live import eventually

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("worker_alive"),
]

# Counts in a file, in a child of its shell, until somebody makes `stop`.
COUNTS = """
bash -c 'n=0; while [ ! -e stop ]; do n=$((n + 1)); echo $n > count; sleep 0.02; done' &
wait
echo counted
"""


class Work:
    """A run that another thread carries out."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._thread = threading.Thread(target=self._execute)
        self._thread.start()

    def _execute(self) -> None:
        try:
            execute(run_queue.claim(worker="w"))
        finally:
            connection.close()

    @property
    def file(self) -> Path:
        return workspace_of(self.run.pk) / "count"

    def count(self) -> int:
        return int((self.file.read_text() if self.file.exists() else "") or 0)

    def is_counting(self) -> bool:
        before = self.count()
        time.sleep(0.1)
        return self.count() > before

    def stop_counting(self) -> None:
        (workspace_of(self.run.pk) / "stop").touch()

    def end(self) -> Run:
        self._thread.join(30)
        assert not self._thread.is_alive()
        self.run.refresh_from_db()
        return self.run


@pytest.fixture
def begin(acme, monkeypatch) -> Iterator[Callable[..., Work]]:
    """Begins a run whose first task has these steps of bash."""
    monkeypatch.setattr(lease_module, "POLL_S", 0.02)
    begun: list[Work] = []

    def begin(*codes: str) -> Work:
        first, second = acme.crew.tasks.all()
        first.steps = [
            {"tool": "script", "params": {"interpreter": "bash", "code": code}} for code in codes
        ]
        first.save()
        second.delete()
        begun.append(Work(Run.objects.create(crew=acme.crew)))
        return begun[-1]

    yield begin
    for work in begun:
        work.run.refresh_from_db()
        work.run.cancel()
        work.end()


def states_of(work: Work) -> set[str]:
    """The states of the tool's processes, as the kernel shows them."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            command = (status.parent / "cmdline").read_bytes()
            state = status.read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if b"while [ ! -e stop ]" in command:
            found.add(state)
    return found


def applied(control: Control) -> Callable[[], bool]:
    return lambda: Control.objects.get(pk=control.pk).status == "applied"


def test_the_processes_of_a_tool_are_stopped_and_continue(begin):
    work = begin(COUNTS)
    eventually(work.is_counting)
    eventually(applied(controls.ask(work.run, "pause")))
    assert states_of(work) == {"T"}
    assert not work.is_counting()
    assert ToolExecution.objects.get().status == "running"
    eventually(applied(controls.ask(work.run, "resume")))
    eventually(work.is_counting)
    work.stop_counting()
    assert work.end().status == "succeeded"
    assert "done" in types(work.run)


def test_time_limits_do_not_count_in_a_pause(begin, settings):
    settings.TOOLS_TIME_LIMITS_S = {"script": 2}
    settings.TOOLS_IDLE_LIMIT_S = 2
    work = begin(COUNTS)
    eventually(work.is_counting)
    eventually(applied(controls.ask(work.run, "pause")))
    time.sleep(2.5)
    eventually(applied(controls.ask(work.run, "resume")))
    work.stop_counting()
    assert work.end().status == "succeeded"


def test_a_paused_run_is_cancelled_at_once_and_its_tool_may_clean_up(begin):
    work = begin(f"trap 'touch cleaned; exit 1' TERM\n{COUNTS}")
    eventually(work.is_counting)
    eventually(applied(controls.ask(work.run, "pause")))
    began = time.monotonic()
    cancel = controls.ask(work.run, "cancel")
    assert work.end().status == "cancelled"
    assert time.monotonic() - began < launch.STOP_S
    assert applied(cancel)()
    assert (workspace_of(work.run.pk) / "cleaned").exists()
    assert not states_of(work)


def test_a_pause_takes_effect_before_the_next_step(begin):
    work = begin("until [ -e stop ]; do sleep 0.02; done", "touch second")
    eventually(lambda: ToolExecution.objects.exists())
    eventually(applied(controls.ask(work.run, "pause")))
    resume = controls.ask(work.run, "resume")
    eventually(applied(resume))
    work.stop_counting()
    assert work.end().status == "succeeded"
    assert (workspace_of(work.run.pk) / "second").exists()


def test_a_run_that_is_paused_in_the_queue_is_taken_when_it_resumes(acme, begin):
    run = Run.objects.create(crew=acme.crew)
    controls.ask(run, "pause")
    assert run_queue.claim(worker="w") is None
    controls.ask(run, "resume")
    assert Work(run).end().status == "succeeded"


def test_a_paused_run_whose_worker_loses_it_ends(begin):
    work = begin(COUNTS)
    eventually(work.is_counting)
    eventually(applied(controls.ask(work.run, "pause")))
    Run.objects.get(pk=work.run.pk).finish("failed", reason="worker_lost")
    assert work.end().status == "failed"
    eventually(lambda: not states_of(work))


def test_a_pause_that_comes_as_the_run_ends_is_too_late(begin):
    work = begin("echo short")
    work.end()
    with pytest.raises(controls.InvalidState):
        controls.ask(work.run, "pause")
