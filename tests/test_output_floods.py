"""Tools that write as fast as they can, through a real worker: few events, every byte, a true exit
status.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from conftest import Tenant
from realtime.log import streams
from realtime.models import Event
from runs.execution.emitter import EVENTS_PER_SECOND
from runs.models import Run, ToolExecution
from tests.live import Process, eventually

RUN_S = 60.0
PEAK_KB = 30 * 1024  # that a flood may add to the worker's processes, all together
CLEAR_PEAK = "5"  # to /proc/PID/clear_refs: the peak counts from now (proc(5))
LIMIT = settings.TOOLS_OUTPUT_LIMIT_BYTES
CUT = f"\n[Output beyond {LIMIT:,} bytes was cut; the exit status is still true.]\n"

LINES_PER_S = 100_000
SECONDS = 3
LINES = LINES_PER_S * SECONDS
# A hundred lines at a time, on time: what the tool has to wait for shows in its own clock.
STEADY = f"""
import os, sys, time
begun = time.monotonic()
for batch in range({LINES // 100}):
    time.sleep(max(0.0, begun + batch * 100 / {LINES_PER_S} - time.monotonic()))
    os.write(1, b"".join(b"%08d\\n" % line for line in range(batch * 100, batch * 100 + 100)))
print("took", time.monotonic() - begun)
sys.exit(3)
"""


@dataclass(frozen=True)
class Flood:
    """A script, its exit status, and what is kept of its output."""

    interpreter: str
    code: str
    exit_code: int
    kept: str


FLOODS = {
    "yes": Flood("bash", "timeout 2 yes; exit 5", 5, "y\n" * (LIMIT // 2) + CUT),
    "no newline": Flood("bash", "head -c 300M /dev/zero | tr '\\0' x", 0, "x" * LIMIT + CUT),
    "binary": Flood("bash", "head -c 300M /dev/zero; exit 6", 6, "\ufffd" * (LIMIT // 3) + CUT),
    "one line of 100 MB": Flood(
        "python", "print('é' * 50_000_000); exit(7)", 7, "é" * (LIMIT // 2) + CUT
    ),
}


@pytest.fixture
def peak_kb(worker: Process) -> Iterator:
    """How much the worker's processes grow at most, from the first call on."""
    main = psutil.Process(worker.pid)

    def memory() -> int:
        return sum(_status(process.pid, "VmHWM") for process in [main, *pool])

    pool = eventually(main.children)
    before = 0

    def measure() -> int:
        nonlocal before
        if not before:
            for process in [main, *pool]:
                Path(f"/proc/{process.pid}/clear_refs").write_text(CLEAR_PEAK)
            before = memory()
        return memory() - before

    return measure


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)


def requested(acme: Tenant, interpreter: str, code: str) -> Run:
    """A run of one script."""
    acme.crew.tasks.exclude(pk=acme.crew.tasks.first().pk).delete()
    steps = [{"tool": "script", "params": {"interpreter": interpreter, "code": code}}]
    task = acme.crew.tasks.get()
    task.steps = steps
    task.save()
    return Run.objects.request(crew=acme.crew, user=acme.operator)


def carried_out(acme: Tenant, interpreter: str, code: str) -> ToolExecution:
    """The one tool of a run that a worker has carried out."""
    run = requested(acme, interpreter, code)
    eventually(lambda: Run.objects.get(pk=run.pk).is_over, RUN_S)
    return ToolExecution.objects.get(task_execution__run=run)


def warm_up(acme: Tenant) -> None:
    """Have both processes of the worker carry a run out: a first one loads what all need."""
    held = requested(acme, "bash", "sleep 60")
    eventually(lambda: ToolExecution.objects.filter(task_execution__run=held).exists(), RUN_S)
    carried_out(acme, "bash", "echo done")
    Run.objects.get(pk=held.pk).cancel()
    eventually(ToolExecution.objects.filter(task_execution__run=held, status="error").exists, RUN_S)


def events_of(execution: ToolExecution) -> list[Event]:
    """Its ``tool_progress`` events."""
    stream = streams.graph(execution.task_execution.run.crew_id)
    reports = Event.objects.filter(stream=stream, type="tool_progress").order_by("seq")
    return [event for event in reports if str(execution.pk) in event.body]


def assert_emitted_whole_and_seldom(execution: ToolExecution) -> None:
    events = events_of(execution)
    assert "".join(json.loads(event.body).get("output", "") for event in events) == execution.output
    window = zip(events, events[EVENTS_PER_SECOND:], strict=False)
    # The emitter's clock runs before the commit, the event's stands in it.
    assert all((last.created_at - first.created_at).total_seconds() > 0.8 for first, last in window)
    seconds = (events[-1].created_at - events[0].created_at).total_seconds()
    assert len(events) <= seconds * EVENTS_PER_SECOND + 2


def test_a_hundred_thousand_lines_a_second(worker, acme, peak_kb):
    warm_up(acme)
    peak_kb()
    execution = carried_out(acme, "python", STEADY)
    assert execution.exit_code == 3
    *lines, took = execution.output.splitlines()
    assert lines == [f"{number:08}" for number in range(LINES)]
    assert float(took.split()[1]) < SECONDS * 2, "the tool had to wait"
    assert_emitted_whole_and_seldom(execution)
    assert peak_kb() <= PEAK_KB


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood(worker, acme, peak_kb, flood):
    warm_up(acme)
    peak_kb()
    execution = carried_out(acme, flood.interpreter, flood.code)
    assert execution.exit_code == flood.exit_code
    assert len(execution.output) == len(flood.kept)
    assert execution.output == flood.kept
    assert_emitted_whole_and_seldom(execution)
    assert peak_kb() <= PEAK_KB
