"""A signal that comes at any moment ends the wait, and never blocks the process."""

import subprocess
import sys
import time
from types import FrameType
from typing import Any

import pytest

from runs.execution.stop_signal import StopSignal
from tests.live import PROJECT

RANDOM_MOMENTS = """
import os, random, signal, threading, time
from runs.execution.stop_signal import StopSignal

random.seed(51)
for _ in range(1000):
    stop = StopSignal()
    stop.listen()
    delay = random.uniform(0, 0.001)

    def send():
        time.sleep(delay)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    while not stop.wait(random.choice((0.0001, 5))):
        pass
    sender.join()
    stop.close()
print("over")
"""


@pytest.mark.timeout(20)
def test_the_handler_may_run_between_any_two_steps_of_the_wait():
    """`threading.Event.set()` in the handler hangs here at the first step that holds its lock."""
    stop = StopSignal()
    moments = 0

    def step(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal moments
        frame.f_trace_opcodes = True
        if event == "opcode":
            moments += 1
            sys.settrace(None)  # the handler itself is not interrupted
            stop.handle(15, frame)
            stop.received = False
            sys.settrace(step)
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        stop.wait(0.01)
    finally:
        sys.settrace(before)
    assert moments > 10
    stop.close()


def test_a_signal_at_a_thousand_random_moments_ends_the_wait():
    done = subprocess.run(
        [sys.executable, "-c", RANDOM_MOMENTS], cwd=PROJECT, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, b"over\n"), done.stderr.decode()


def test_a_wait_without_a_signal_lasts_as_long_as_asked():
    stop = StopSignal()
    began = time.monotonic()
    assert not stop.wait(0.05)
    assert time.monotonic() - began >= 0.05
    stop.close()
