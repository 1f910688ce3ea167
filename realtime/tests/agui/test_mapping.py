"""The mapping to AG-UI, and the client that has to accept it."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from realtime.agui.mapping import AguiEvent, AguiRun, encoded, failure
from realtime.agui.tool_calls import LOST, RESULT_CHARS
from realtime.tests.agui import responses
from runs.events.encoding import encode
from runs.events.kinds import KINDS
from runs.events.run_state import RunState
from tests.events import sample

AT = "2026-01-01T00:00:01.234567Z"
ID = {"run_id": "r", "crew_id": "c", "timestamp": AT}
BOOT = ID | {"type": "boot", "seq": 1, "crew": "Crew", "tasks": [], "agents": [
    {"agent_id": "orion", "name": "Orion", "role": "Scout"}]}  # fmt: skip
TOOL = ID | {"agent_id": "orion", "execution_id": "x", "tool": "script"}
CALL = ID | {"agent_id": "orion", "call_id": "m"}
TOOL_START = TOOL | {"type": "tool_start", "seq": 5, "params": {"code": "ü\n"}}
TOOL_END = TOOL | {"type": "tool_end", "duration_s": 1.0, "exit_code": 0, "status": "success"}
DONE = ID | {"type": "done", "status": "succeeded", "duration_s": 2.0}


def sent(*frames: dict, **options) -> list[AguiEvent]:
    run = AguiRun("r", "c", **options)
    found = [event for frame in frames for event in run.apply(frame)]
    return found + (run.end() if run.done else [])


def types(events: list[AguiEvent]) -> list[str]:
    return [event["type"] for event in events]


def one(events: list[AguiEvent], kind: str) -> AguiEvent:
    (found,) = [event for event in events if event["type"] == kind]
    return found


@pytest.fixture(scope="module")
def whole() -> list[list[AguiEvent]]:
    found = enumerate(responses.sequences())
    return [responses.whole(events, number) for number, events in found]


def test_the_client_accepts_every_response_without_a_warning(whole):
    results = responses.read(bodies=[responses.body(events) for events in whole])
    for events, result in zip(whole, results, strict=True):
        assert (result["error"], result["warnings"]) == (None, []), events
        assert types(result["events"]) == types(events)


def test_the_clients_state_is_that_of_the_reducer(whole):
    results = responses.read(bodies=[responses.body(events) for events in whole])
    for number, events in enumerate(responses.sequences()):
        state = RunState()
        for event in events:
            state.apply(event)
        if not state.is_over:
            state.apply(responses.done(events, number))
        assert results[number]["state"] == msgspec.to_builtins(state), events


def test_no_tool_call_is_left_to_the_client_to_carry_out(whole):
    for events in whole:
        called = {e["toolCallId"] for e in events if e["type"] == "TOOL_CALL_START"}
        answered = {e["toolCallId"] for e in events if e["type"] == "TOOL_CALL_RESULT"}
        assert called == answered


def test_the_client_accepts_an_interrupt_and_what_follows_it():
    found = [responses.interrupted(events, n) for n, events in enumerate(responses.sequences())]
    pairs = [pair for pair in found if pair]
    assert len(pairs) > 50
    results = responses.read(bodies=[responses.body(e) for pair in pairs for e in pair])
    for first, second in zip(results[::2], results[1::2], strict=True):
        assert (first["error"], first["warnings"]) == (None, [])
        assert first["interrupts"][0]["reason"] == "confirmation"
        assert (second["error"], second["warnings"]) == (None, [])
        assert second["events"][0]["parentRunId"] != second["events"][0]["runId"]


def test_control_the_client_refuses_what_is_left_open():
    events = sent(BOOT, TOOL_START, TOOL_END, DONE)
    left = [event for event in events if event["type"] != "SUBAGENT_FINISHED"]
    (result,) = responses.read(bodies=[responses.body(left)])
    assert "subagents are still active" in result["error"]


def test_a_timestamp_is_whole_milliseconds_and_a_place_is_named():
    boot, *_ = sent(BOOT)
    assert boot["timestamp"] == 1767225601235
    assert boot["metadata"] == {"crewops": {"stream": "run", "seq": 1}}
    assert (boot["threadId"], boot["runId"]) == ("c", "r")


def test_a_tool_is_a_tool_call_and_an_activity():
    progress = TOOL | {"type": "tool_progress", "message": "half", "progress": 0.5}
    events = sent(BOOT, TOOL_START, progress | {"output": "a\n"}, TOOL_END, DONE)
    assert types(events)[2:-1] == [
        "SUBAGENT_STARTED", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END",
        "ACTIVITY_SNAPSHOT", "ACTIVITY_DELTA", "CUSTOM", "ACTIVITY_DELTA", "TOOL_CALL_RESULT",
        "STATE_DELTA", "SUBAGENT_FINISHED",
    ]  # fmt: skip
    assert one(events, "TOOL_CALL_ARGS")["delta"] == '{"code": "ü\\n"}'
    assert one(events, "TOOL_CALL_RESULT")["content"] == "a\n"
    assert one(events, "CUSTOM")["value"] == {"toolCallId": "x", "delta": "a\n"}
    assert one(events, "SUBAGENT_STARTED")["name"] == "Orion"


@pytest.mark.parametrize(
    ("end", "content"),
    [
        ({}, "success"),
        ({"message": "3 files"}, "3 files"),
        ({"status": "error", "exit_code": 3, "message": "no"}, "error, exit code 3: no"),
        ({"status": "error", "exit_code": None}, "error"),
    ],
)
def test_the_result_of_a_tool_without_output(end, content):
    assert one(sent(BOOT, TOOL_START, TOOL_END | end), "TOOL_CALL_RESULT")["content"] == content


def test_a_result_has_the_end_of_a_long_output_and_all_of_it_was_sent():
    parts = ["a" * RESULT_CHARS, "b" * 3, "c"]
    reports = [TOOL | {"type": "tool_progress", "message": "", "output": part} for part in parts]
    events = sent(BOOT, TOOL_START, *reports, TOOL_END)
    result = one(events, "TOOL_CALL_RESULT")["content"]
    assert result == "".join(parts)[-RESULT_CHARS:]
    assert [e["value"]["delta"] for e in events if e["type"] == "CUSTOM"] == parts


def test_a_tool_that_never_ended_has_a_result():
    events = sent(BOOT, TOOL_START, DONE)
    assert one(events, "TOOL_CALL_RESULT")["content"] == LOST


def test_a_model_call_thinks_and_then_writes():
    start = CALL | {"type": "llm_start", "provider": "openai", "model": "m-1"}
    token, text = {"type": "llm_progress", "first_token_s": 0.5}, {"type": "llm_progress"}
    end = {
        "type": "llm_end",
        "duration_s": 1,
        "status": "success",
        "input_tokens": 3,
        "model": "m-2",
    }
    frames = [BOOT, start, CALL | token, CALL | text | {"output": "Hello"}, CALL | end, DONE]
    events = sent(*frames)
    assert types(events)[3:8] == [
        "REASONING_START", "REASONING_END", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
    ]  # fmt: skip
    usage = [{"provider": "openai", "model": "m-2", "inputTokens": 3}]
    assert events[-1]["usage"] == usage
    assert "Hello" not in "".join(encoded(sent(*frames, texts=False)))


@pytest.mark.parametrize(
    ("status", "last"),
    [
        ("succeeded", {"type": "RUN_FINISHED", "outcome": {"type": "success"}}),
        ("cancelled", {"type": "RUN_FINISHED", "outcome": {"type": "cancelled"}}),
        ("failed", {"type": "RUN_ERROR", "code": "task_failed", "message": "It broke."}),
    ],
)
def test_the_end_of_a_run(status, last):
    error = ID | {"type": "error", "message": "It broke.", "reason": "tool_failed"}
    events = sent(BOOT, error, DONE | {"status": status, "reason": "task_failed"})
    assert events[-1] | last == events[-1]
    assert types(events).count(last["type"]) == 1
    assert one(events, "CUSTOM")["name"] == "crewops.error"


def test_done_waits_for_events_of_tools_that_come_after_it():
    run = AguiRun("r", "c")
    run.apply(BOOT)
    run.apply(TOOL_START)
    assert run.apply(DONE) == []
    assert "TOOL_CALL_RESULT" in types(run.apply(TOOL_END))
    assert types(run.end())[-1] == "RUN_FINISHED"


def test_a_failure_may_be_the_first_event():
    (result,) = responses.read(bodies=[responses.body([failure("pruned", "Deleted.")])])
    assert (result["error"], types(result["events"])) == (None, ["RUN_ERROR"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_event_gives_something(kind):
    if KINDS[kind].stream == "mission" or kind in ("boot", "done"):
        return
    event = json.loads(encode(sample(KINDS[kind], "c"), seq=2, timestamp=datetime.now(UTC)))
    run = AguiRun(event["run_id"], "c")
    run.apply(BOOT | {"run_id": event["run_id"]})
    assert run.apply(event)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].stream == "run"])
def test_every_event_of_the_run_changes_the_clients_state(kind):
    event = json.loads(encode(sample(KINDS[kind], "c"), seq=2, timestamp=datetime.now(UTC)))
    events = [BOOT | {"run_id": event["run_id"]}, event]
    events += [] if kind == "done" else [DONE | {"run_id": event["run_id"]}]
    state = RunState()
    for each in events:
        state.apply(each)
    run = AguiRun(event["run_id"], "c")
    found = [each for event in events for each in run.apply(event)] + run.end()
    (result,) = responses.read(bodies=[responses.body(found)])
    assert (result["error"], result["warnings"]) == (None, [])
    assert result["state"] == msgspec.to_builtins(state)


def test_a_boot_that_comes_late_is_not_lost():
    events = sent(TOOL_START, BOOT)
    assert events[-1]["type"] == "STATE_SNAPSHOT"
    assert events[-1]["snapshot"]["crew"] == "Crew"
