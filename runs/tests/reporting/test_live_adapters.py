"""A live server and programs whose runs the package's adapters report: a user pauses, resumes and
cancels them. The frameworks are not installed here, so the programs make their calls by hand.
"""

import os
import subprocess
import sys

import pytest

from runs.execution import controls
from runs.models import Run, ToolExecution
from runs.tests.reporting.conftest import types
from runs.tests.reporting.test_live import PACKAGE
from runs.tests.reporting.test_live_controls import counted, status
from tests.live import Web, eventually

LANGCHAIN = """
import time
import uuid
import crewops_client as crewops
from crewops_client.adapters.langchain import CrewOps
handler, root = CrewOps("release-crew"), uuid.uuid4()
handler.on_chain_start(None, None, run_id=root, name="nightly")
try:
    for number in range(10_000):
        call = uuid.uuid4()
        handler.on_tool_start({"name": "count"}, "", run_id=call, parent_run_id=root)
        time.sleep(0.01)
        handler.on_tool_end("1", run_id=call)
except crewops.Cancelled as error:
    handler.on_chain_error(error, run_id=root)
    raise
"""
CREWAI = """
import time
from types import SimpleNamespace
from crewops_client.adapters import crewai, crewai_controls
listener = crewai.CrewOps("release-crew")
crewai_controls.get_current_parent_id = lambda: "crew"
def event(type, **about):
    listener.on_event(SimpleNamespace(type=type, **about))
event("crew_kickoff_started", event_id="crew", parent_event_id=None, crew_name="nightly")
try:
    for number in range(10_000):
        listener._steering.before_model(None)
        call = {"tool_name": "count", "tool_args": {}}
        event("tool_usage_started", event_id=str(number), parent_event_id="crew", **call)
        time.sleep(0.01)
        event("tool_usage_finished", started_event_id=str(number), output="1", failure=None)
except crewai_controls.HookAborted as error:
    ids = {"event_id": "end", "parent_event_id": None, "started_event_id": "crew"}
    event("crew_kickoff_failed", error=str(error), **ids)
    raise
"""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("program", [LANGCHAIN, CREWAI], ids=["langchain", "crewai"])
def test_a_program_is_paused_resumed_and_cancelled(web: Web, acme, program):
    _, text = acme.issue_key("report")
    variables = {"CREWOPS_URL": web.origin, "CREWOPS_API_KEY": text, "PYTHONPATH": str(PACKAGE)}
    command = [sys.executable, "-c", program]
    process = subprocess.Popen(command, env=os.environ | variables, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: ToolExecution.objects.exists(), 30)
        run = Run.objects.get()
        assert run.controls_taken == ("cancel", "pause")
        eventually(status(controls.ask(run, "pause")), 30)
        before = counted()
        eventually(status(controls.ask(run, "resume")), 30)
        eventually(lambda: counted() > before, 30)
        cancel = controls.ask(run, "cancel")
        assert process.wait(30) == 1
    finally:
        process.kill()
        process.wait()
    run.refresh_from_db()
    assert (run.status, status(cancel)()) == ("cancelled", True)
    kinds = types(run)
    paused = kinds[kinds.index("control_applied") :]
    assert "tool_start" not in paused[: paused.index("control_requested")]
    assert not ToolExecution.objects.exclude(status__in=("success", "cancelled")).exists()
