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
    assert agent_state(["running", "failed"]) == "working"
    assert agent_state(["failed", "succeeded"]) == "done"


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
