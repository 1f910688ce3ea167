"""The snapshot of a crew whose tools have large parameters."""

import json
from typing import Any

import pytest

from realtime import log
from realtime.log import streams
from realtime.sockets import snapshots
from realtime.sockets.snapshots import PARAM_TEXT_LIMIT, PARAMS_LIMIT
from runs.events.encoding import dump
from runs.events.state import EXECUTIONS_KEPT, CrewState
from runs.models import Run, TaskExecution, ToolExecution

LARGE = 40_000  # bytes of the params of one call
FRAME_LIMIT = 1024 * 1024  # bytes of a snapshot of as many calls as it may have

pytestmark = pytest.mark.django_db(transaction=True)


def call(task: TaskExecution, params: dict[str, Any]) -> ToolExecution:
    return ToolExecution.objects.start(task_execution=task, tool="script", params=params)


@pytest.fixture
def task(acme) -> TaskExecution:
    run = acme.start_run()
    return TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])


def snapshot_of(run: Run) -> dict[str, Any]:
    stream = streams.graph(run.crew_id)
    log.position(stream)
    return snapshots.graph(stream)


def test_the_largest_snapshot_has_a_bound(task):
    for _ in range(EXECUTIONS_KEPT):
        call(task, {"code": "☃" * (LARGE // 3)})
    snapshot = snapshot_of(task.run)
    assert len(snapshot["executions"]) == EXECUTIONS_KEPT
    assert {len(each["params"]["code"]) for each in snapshot["executions"]} == {PARAM_TEXT_LIMIT}
    assert {each["truncated"] for each in snapshot["executions"]} == {True}
    assert len(dump(snapshot).encode()) < FRAME_LIMIT


@pytest.mark.parametrize(
    "params",
    [
        {"code": "x" * LARGE},
        {"files": [{"text": "é" * 9000}, {"text": "b" * 9000}]},
        {f"name {n}": n for n in range(2000)},
        {"list": list(range(9000))},
        {"k" * LARGE: 1},
    ],
    ids=["a text", "nested texts", "many", "a list", "a name"],
)
def test_what_is_cut_is_marked_and_within_the_limit(task, params):
    call(task, params)
    (execution,) = snapshot_of(task.run)["executions"]
    assert execution["truncated"] is True
    assert len(dump(execution["params"]).encode()) <= PARAMS_LIMIT
    assert execution["params"].keys() <= params.keys()


def test_short_parameters_are_whole_and_what_follows_a_long_text_is_kept(task):
    short = {"code": "x" * (PARAMS_LIMIT - 100), "n": [1, {"deep": None}]}
    long = {"code": "x" * LARGE, "path": "a/b", "n": 3}
    call(task, short)
    call(task, long)
    first, second = snapshot_of(task.run)["executions"]
    assert first["params"] == short
    assert "truncated" not in first
    assert second["params"] == long | {"code": "x" * PARAM_TEXT_LIMIT}


def test_events_that_follow_are_applied_to_cut_parameters(task):
    execution = call(task, {"code": "x" * LARGE})
    snapshot, state = snapshot_of(task.run), CrewState()
    state.apply(snapshot)
    execution.report(message="half", progress=0.5, output="abc")
    for entry in log.read(streams.graph(task.run.crew_id), snapshot["seq"]):
        state.apply(json.loads(entry.text))
    kept = state.executions[str(execution.pk)]
    assert len(kept["params"]["code"]) == PARAM_TEXT_LIMIT
    assert (kept["message"], kept["output_length"]) == ("half", 3)
