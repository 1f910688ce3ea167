"""A user cancels a run of Claude Code or sends it a message: the answer to its next hook has it."""

import json
from typing import Any

import pytest

from runs.execution import controls
from runs.models import Run, ToolExecution
from runs.reporting.sources.claude_code.control_hook import CANCELLED
from runs.tests.reporting.conftest import Program

PATH = "/api/report/claude-code/?crew=site"
STOP = {"continue": False, "stopReason": CANCELLED}


class Claude:
    """A turn of Claude Code. ``send`` returns the answer to a hook."""

    def __init__(self, program: Program) -> None:
        self._client = program.client

    def send(self, event: str, **fields: Any) -> dict[str, Any]:
        hook = {"session_id": "s", "prompt_id": "p", "cwd": "/site", "hook_event_name": event}
        body = json.dumps(hook | fields)
        response = self._client.post(PATH, body, content_type="application/json")
        assert response.status_code == 200, response.content
        return response.json()

    def call(self, event: str, number: int = 1, **fields: Any) -> dict[str, Any]:
        about = {"tool_name": "Bash", "tool_input": {"command": f"echo {number}"}}
        return self.send(event, tool_use_id=f"t{number}", **about, **fields)


@pytest.fixture
def claude(program: Program) -> Claude:
    made = Claude(program)
    assert made.send("UserPromptSubmit", prompt="Mend the build") == {}
    return made


@pytest.fixture
def run(claude) -> Run:
    return Run.objects.get()


def test_a_cancel_stops_the_session_before_the_next_call(claude, run):
    assert claude.call("PreToolUse") == {}
    assert claude.call("PostToolUse") == {}
    cancel = controls.ask(run, "cancel")
    answer = claude.call("PreToolUse", 2)
    own = answer.pop("hookSpecificOutput")
    assert answer == STOP
    assert (own["hookEventName"], own["permissionDecision"]) == ("PreToolUse", "deny")
    run.refresh_from_db()
    cancel.refresh_from_db()
    assert (run.status, cancel.status) == ("cancelled", "applied")
    tools = ToolExecution.objects.order_by("started_at").values_list("status", "message")
    assert [*tools] == [("success", ""), ("error", CANCELLED)]


def test_a_cancel_during_a_call_stops_the_session_after_it(claude, run):
    claude.call("PreToolUse")
    controls.ask(run, "cancel")
    assert claude.call("PostToolUse") == STOP
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert ToolExecution.objects.get().status == "success"


def test_a_session_that_has_not_obeyed_is_stopped_again(claude, run):
    claude.call("PreToolUse")
    controls.ask(run, "cancel")
    claude.call("PostToolUse")
    assert claude.call("PreToolUse", 2)["continue"] is False
    assert claude.send("SessionEnd") == {}
    assert Run.objects.count() == 1
    assert ToolExecution.objects.count() == 1
    assert claude.send("UserPromptSubmit", prompt="Go on", prompt_id="q") == {}
    assert claude.call("PreToolUse", 3, prompt_id="q") == {}
    assert Run.objects.count() == 2


@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse", "PostToolBatch"])
def test_a_message_becomes_context_of_the_model(claude, run, event):
    if event != "PreToolUse":
        claude.call("PreToolUse")
    message = controls.ask(run, "message", text="Use the blue box.")
    own = claude.call(event)["hookSpecificOutput"]
    assert own["hookEventName"] == event
    assert own["additionalContext"].endswith(" in CrewOps: Use the blue box.")
    message.refresh_from_db()
    assert message.status == "applied"
    assert claude.call("PostToolUse") == {}  # once


def test_a_turn_that_is_about_to_end_goes_on_with_the_message(claude, run):
    for text in ("Use the blue box.", "And label it."):
        controls.ask(run, "message", text=text)
    answer = claude.send("Stop")
    assert answer["decision"] == "block"
    first, second = answer["reason"].split("\n\n")
    assert first.endswith("Use the blue box.")
    assert second.endswith("And label it.")
    run.refresh_from_db()
    assert run.status == "running"
    assert claude.send("Stop") == {}
    run.refresh_from_db()
    assert run.status == "succeeded"


def test_a_sub_agent_does_not_take_the_message(claude, run):
    controls.ask(run, "message", text="Use the blue box.")
    sub = {"agent_id": "a1", "agent_type": "general-purpose"}
    assert claude.call("PreToolUse", **sub) == {}
    assert "hookSpecificOutput" in claude.call("PreToolUse", 2)


def test_a_pause_is_refused(claude, run):
    assert controls.ask(run, "pause").status == "refused"


def test_another_key_of_another_organization_stops_and_reads_nothing(claude, run, globex):
    controls.ask(run, "message", text="Use the blue box.")
    controls.ask(run, "cancel")
    other = Claude(Program(globex.issue_key("report")[1]))
    assert other.send("UserPromptSubmit", prompt="Mend the build") == {}
    assert other.call("PreToolUse") == {}
    run.refresh_from_db()
    assert run.status == "running"
