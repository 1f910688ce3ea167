"""Both reducers on 1,000 generated sequences: the server's and the browser's show the same."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runs.tests.events.stories import after_each, checkpoint, generated, run_states

REDUCING = Path(__file__).parent / "js/reducing.js"
SEQUENCES = 1_000
KEPT = 200  # tool calls and handoffs


def reduce(sequences: list[list[dict]]) -> list[Any]:
    """What the browser's reducers make of each sequence."""
    given = [[frames, checkpoint(frames, number)] for number, frames in enumerate(sequences)]
    done = subprocess.run(
        ["node", REDUCING], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def reduced() -> list[tuple[int, list[dict], Any]]:
    """Each sequence with its number, and what the browser's reducers make of it."""
    sequences = generated(SEQUENCES)
    results = reduce(sequences)
    assert len(results) == len(sequences) == SEQUENCES
    return list(zip(range(SEQUENCES), sequences, results, strict=True))


def test_the_browsers_reducer_shows_what_the_servers_shows_after_every_frame(reduced):
    for _, frames, (shown, _, _) in reduced:
        assert shown == after_each(frames), frames


def test_the_browsers_state_of_a_run_is_the_servers_after_every_frame(reduced):
    for _, frames, (_, runs, _) in reduced:
        assert runs == run_states(frames), frames


def test_from_a_saved_state_the_browser_continues_as_the_server_does(reduced):
    for number, frames, (_, _, restored) in reduced:
        count, _ = checkpoint(frames, number)
        assert restored == after_each(frames)[count - 1 :], (count, frames)


def test_both_keep_as_many_tool_calls_and_handoffs():
    about = {"run_id": "r", "crew_id": "c", "timestamp": "2026-01-01T00:00:00.000000Z"}
    tool = about | {"type": "tool_start", "agent_id": "orion", "tool": "script", "params": {}}
    handoff = about | {"type": "handoff", "from_agent_id": "orion", "to_agent_id": "vega"}
    frames = [
        each
        for number in range(KEPT + 3)
        for each in (tool | {"execution_id": str(number)}, handoff | {"message": str(number)})
    ]
    ((shown, _, _),) = reduce([frames])
    assert shown == after_each(frames)
    (_, _, tools, *_), handoffs = shown[-1][0], shown[-1][-2]
    assert [len(tools), len(handoffs)] == [KEPT, KEPT]
    assert [tools[0][0], handoffs[0][-1]] == ["3", "3"]
