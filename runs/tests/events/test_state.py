"""The reducer: what a sequence of frames adds up to."""

import json

import msgspec
import pytest

from runs.events.agent_states import agent_has_ended, agent_state, worst
from runs.events.run_state import RunState
from runs.events.state import CrewState
from runs.tests.events.stories import (
    CHECKPOINTS,
    COUNT,
    VECTORS,
    after_each,
    checkpoint,
    generated,
    shown,
)

CREW = {"crew_id": "c", "run_id": "r"}
BOOT = CREW | {
    "type": "boot",
    "crew": "Release",
    "agents": [{"agent_id": "orion", "name": "Orion", "role": "Scout"}],
    "tasks": [{"task_id": "1", "name": "Fetch", "agent_id": "orion"}],
}
START = CREW | {
    "type": "task_start",
    "timestamp": "2026-01-01T00:00:00Z",
    "task_id": "1",
    "agent_id": "orion",
    "name": "Fetch",
}
END = CREW | {
    "type": "task_end",
    "task_id": "1",
    "agent_id": "orion",
    "status": "failed",
    "duration_s": 2.0,
}
DONE = CREW | {"type": "done", "status": "failed", "duration_s": 3.0, "reason": "task_failed"}


def after(*frames: dict) -> RunState:
    state = RunState()
    for frame in frames:
        state.apply(frame)
    return state


def test_the_written_sequences_are_those_that_are_generated():
    written = [frames for frames, _ in json.loads(VECTORS.read_text())]
    is_current = written == generated(COUNT)  # the difference would be too long to print
    assert is_current, "vectors.json is old: run `python -m runs.tests.events.stories`"


def test_shows_what_it_showed_when_the_vectors_were_made():
    vectors = json.loads(VECTORS.read_text())
    assert len(vectors) == COUNT
    for frames, expected in vectors:
        assert after_each(frames) == expected, frames


def test_a_state_that_was_saved_after_any_frame_continues_as_if_it_had_not_been():
    for frames, expected in json.loads(VECTORS.read_text()):
        state = CrewState()
        for frame, after_it in zip(frames, expected, strict=True):
            state = msgspec.json.decode(msgspec.json.encode(state), type=CrewState)
            state.apply(frame)
            assert shown(state) == after_it, frames


def test_saves_the_states_that_the_browsers_reducer_is_tested_with():
    sequences = [frames for frames, _ in json.loads(VECTORS.read_text())]
    expected = [checkpoint(frames, number) for number, frames in enumerate(sequences)]
    assert json.loads(CHECKPOINTS.read_text()) == expected


def test_a_run_goes_from_queued_over_running_to_its_end():
    assert after(BOOT).status == "queued"
    assert after(BOOT, START).status == "running"
    ended = after(BOOT, START, END, DONE)
    assert (ended.status, ended.reason, ended.duration_s) == ("failed", "task_failed", 3.0)
    assert ended.is_over
    assert ended.tasks["1"]["status"] == "failed"


def test_a_reported_run_is_never_queued():
    boot = BOOT | {"tasks": []}
    assert after(boot).status == "running"
    assert after(boot, DONE).status == "failed"


def test_a_run_whose_boot_was_pruned_shows_what_followed():
    state = after(START, END)
    assert state.tasks["1"]["name"] == "Fetch"
    assert state.agents == {}


def test_a_reset_forgets_all_but_whose_run_it_is():
    reset = {"type": "reset", "stream": "run:r", "reason": "pruned", "epoch": "e", "head": 9}
    state = after(BOOT, START, reset)
    assert (state.run_id, state.crew_id, state.tasks) == ("r", "c", {})
    assert after(BOOT, START, reset | {"stream": "graph:c"}).tasks


def test_another_runs_events_and_unknown_kinds_are_ignored():
    state = after(BOOT, START | {"run_id": "other"}, CREW | {"type": "added_later"})
    assert state.status == "queued"


@pytest.mark.parametrize(
    ("statuses", "planned", "ended"),
    [([], 1, False), (["running"], 1, False), (["failed"], 1, True), (["succeeded"], 2, False)],
)
def test_an_agent_has_ended_when_no_task_is_left(statuses, planned, ended):
    assert agent_has_ended(statuses, planned) is ended


def test_the_worst_of_several_outcomes():
    assert worst({"succeeded", "cancelled", "failed"}) == "failed"
    assert worst(["succeeded", "cancelled"]) == "cancelled"


def test_a_task_under_way_outweighs_one_that_has_ended():
    assert agent_state([]) == "idle"
    assert agent_state([("running", False), ("failed", False)]) == "working"
    assert agent_state([("failed", False), ("succeeded", True)]) == "done"
    assert agent_state([("running", True), ("failed", False)]) == "paused"
    assert agent_state([("running", True), ("running", False)]) == "working"


def asked(id: str, action: str) -> dict:
    about = {"control_id": id, "action": action, "by": "mia", "timestamp": "2026-01-01T00:00:00Z"}
    return CREW | {"type": "control_requested"} | about


def answered(id: str, status: str = "applied", detail: str = "") -> dict:
    return CREW | {"type": "control_applied", "control_id": id, "status": status, "detail": detail}


def test_a_run_is_paused_from_the_applied_pause_to_the_applied_resume():
    received = CREW | {"type": "control_acknowledged", "control_id": "a"}
    story = [BOOT, START, asked("a", "pause"), received, answered("a"), asked("b", "resume")]
    states = [after(*story[: n + 1]).paused for n in range(len(story))]
    assert states == [False, False, False, False, True, True]
    assert after(*story).controls["a"]["status"] == "applied"
    assert after(*story).controls["b"]["status"] == "requested"
    assert not after(*story, answered("b")).paused
    assert not after(*story, DONE).paused


def test_a_pause_that_was_refused_pauses_nothing():
    state = after(BOOT, asked("a", "pause"), answered("a", "refused", "It cannot."))
    assert (state.paused, state.controls["a"]["detail"]) == (False, "It cannot.")


def test_an_answer_whose_question_was_pruned_is_kept():
    state = after(answered("a"))
    assert (state.paused, state.controls["a"]["status"]) == (False, "applied")


TOOL = CREW | {
    "type": "tool_start",
    "timestamp": "2026-01-01T00:00:01Z",
    "agent_id": "orion",
    "execution_id": "x",
    "tool": "script",
    "params": {},
}
PAUSED = (asked("a", "pause"), answered("a"))
RESUMED = (asked("b", "resume"), answered("b"))
OF_A_PROGRAM = BOOT | {"agents": [], "tasks": []}


def crew_after(*frames: dict) -> CrewState:
    state = CrewState()
    for frame in frames:
        state.apply(frame)
    return state


def of_run(run_id: str, *frames: dict) -> list[dict]:
    return [frame | {"run_id": run_id} for frame in frames]


def test_an_agent_of_a_paused_run_is_paused_until_it_resumes():
    assert crew_after(BOOT, START, *PAUSED).state_of("orion") == "paused"
    assert crew_after(BOOT, START, *PAUSED, *RESUMED).state_of("orion") == "working"
    assert crew_after(BOOT, START, *PAUSED, END).state_of("orion") == "error"
    assert crew_after(BOOT, START, asked("a", "pause")).state_of("orion") == "working"
    assert crew_after(BOOT, *PAUSED).state_of("orion") == "idle"


def test_a_pause_stops_the_tools_of_a_worker_but_not_those_of_a_program():
    worker = crew_after(BOOT, START, TOOL, *PAUSED)
    assert (worker.state_of("orion"), worker.is_stopped(worker.executions["x"])) == ("paused", True)
    program = crew_after(OF_A_PROGRAM, START, TOOL, *PAUSED)
    call = program.executions["x"]
    assert (program.state_of("orion"), program.is_stopped(call)) == ("working", False)
    ended = {"status": "success", "duration_s": 1.0, "exit_code": None}
    program.apply(TOOL | {"type": "tool_end"} | ended)
    assert program.state_of("orion") == "paused"


def test_a_pause_holds_the_agents_of_no_other_run():
    both = [*of_run("r", BOOT, START, TOOL), *of_run("s", BOOT, START, TOOL)]
    both[-1] = both[-1] | {"execution_id": "y"}
    state = crew_after(*both, *of_run("r", *PAUSED))
    assert state.state_of("orion") == "working"
    assert [state.is_stopped(call) for call in state.executions.values()] == [True, False]
    for frame in of_run("s", *PAUSED):
        state.apply(frame)
    assert state.state_of("orion") == "paused"


def test_a_call_that_waits_for_approval_still_waits_in_a_paused_run():
    call = {"approval_id": "a", "agent_id": "orion", "tool": "script", "expires_at": "later"}
    wants = CREW | {"type": "approval_requested"} | call
    assert crew_after(BOOT, START, wants, *PAUSED).state_of("orion") == "waiting"
