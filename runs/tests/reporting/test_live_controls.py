"""A live server and a program that uses the package: it pauses, resumes, reads messages and
ends.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from runs.execution import controls
from runs.models import Control, Run, ToolExecution
from runs.tests.reporting.conftest import types
from runs.tests.reporting.test_live import PACKAGE
from tests.live import Web, eventually

PROGRAM = """
import time
import crewops_client as crewops
with crewops.run("release-crew", key="nightly") as run:
    for number in range(10_000):
        with run.tool("count") as tool:
            for message in run.messages():
                tool.output(f"{message.by}: {message}")
            time.sleep(0.01)
"""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def program(web: Web, acme) -> Iterator[subprocess.Popen]:
    _, text = acme.issue_key("report")
    variables = {"CREWOPS_URL": web.origin, "CREWOPS_API_KEY": text, "PYTHONPATH": str(PACKAGE)}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=os.environ | variables, stderr=subprocess.PIPE
    )
    eventually(lambda: ToolExecution.objects.exists(), 30)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()
    process.stderr.close()


def status(control: Control) -> Callable[[], bool]:
    return lambda: Control.objects.get(pk=control.pk).status == "applied"


def counted() -> int:
    return ToolExecution.objects.count()


def test_a_program_is_paused_resumed_spoken_to_and_cancelled(program):
    run = Run.objects.get()
    assert run.controls_taken == ("cancel", "pause", "message")
    eventually(status(controls.ask(run, "pause")), 30)
    run.refresh_from_db()
    assert run.paused_at
    before = counted()
    resume = controls.ask(run, "resume")
    assert counted() == before
    eventually(status(resume), 30)
    eventually(lambda: counted() > before, 30)
    eventually(status(controls.ask(run, "message", "be quick")), 30)
    eventually(
        lambda: any("a command: be quick" in tool.output for tool in ToolExecution.objects.all()),
        30,
    )
    eventually(status(controls.ask(run, "pause")), 30)
    cancel = controls.ask(run, "cancel")
    assert program.wait(30) == 1
    assert b"crewops_client.controls.Cancelled" in program.stderr.read()
    run.refresh_from_db()
    assert (run.status, status(cancel)()) == ("cancelled", True)
    assert "done" in types(run)
    asked = [kind for kind in types(run) if kind.startswith("control")]
    assert asked.count("control_requested") == asked.count("control_applied") == 5
