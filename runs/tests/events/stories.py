"""Sequences of frames that two agents' runs could have sent, and what a crew's page shows of them.

``python -m runs.tests.events.stories`` writes ``vectors.json`` anew: the first 200 sequences. Both
reducers are tested with it, `runs.events.state` and ``crew_state.js``. It also writes
``checkpoints.json``: of each sequence the state after a part of it, from which both continue.
"""

import itertools
import json
from pathlib import Path
from typing import Any

import msgspec

from runs.events.kinds import KINDS
from runs.events.run_state import RunState
from runs.events.state import CrewState
from runs.tests.events.story import AGENTS, story

VECTORS = Path(__file__).with_name("vectors.json")
CHECKPOINTS = VECTORS.with_name("checkpoints.json")
COUNT = 200
SHOWN_OF_TOOL = ("execution_id", "status", "progress", "message")


def shown(state: CrewState) -> list[Any]:
    """Of each agent its state, its task, of each tool shown the id, status, progress, message and
    duration and whether a pause has stopped it, its open model calls, its name and parent. Then the
    totals of each run, the handoffs, and the ids of all agents that were named.
    """
    agents = [
        [
            state.state_of(agent),
            state.task_of(agent),
            [
                [
                    *(tool.get(name) for name in SHOWN_OF_TOOL),
                    tool["status"] != "running" and tool["duration_s"],
                    state.is_stopped(tool),
                ]
                for tool in state.tools_of(agent)
            ],
            [[call["call_id"], call.get("first_token_s")] for call in state.model_calls_of(agent)],
            [state.agents.get(agent, {}).get("name", agent), state.parent_of(agent)],
        ]
        for agent in AGENTS
    ]
    usage = [[run_id, *totals.values()] for run_id, totals in sorted(state.model.usage.items())]
    handoffs = [list(handoff.values()) for handoff in state.model.handoffs]
    return [*agents, usage, handoffs, list(state.agents)]


def after_each(frames: list[dict[str, Any]]) -> list[list[Any]]:
    """What is shown after each frame."""
    state, seen = CrewState(), []
    for frame in frames:
        state.apply(frame)
        seen.append(shown(state))
    return seen


def run_states(frames: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The state of each run after each frame of its stream."""
    states: dict[str, RunState] = {}
    seen: dict[str, list[dict[str, Any]]] = {}
    for frame in frames:
        if run_id := _run_of(frame):
            state = states.setdefault(run_id, RunState())
            state.apply(frame)
            seen.setdefault(run_id, []).append(json.loads(msgspec.json.encode(state)))
    return seen


def _run_of(frame: dict[str, Any]) -> str | None:
    """The run whose stream has the frame."""
    kind = KINDS.get(frame["type"])
    if kind:
        return frame["run_id"] if kind.stream == "run" else None
    of, _, run_id = frame["stream"].partition(":")
    return run_id if of == "run" else None


def checkpoint(frames: list[dict[str, Any]], number: int) -> list[Any]:
    """``[count, state]``: the state after some of the frames, more of them in later sequences."""
    count = 1 + number % len(frames)
    state = CrewState()
    for frame in frames[:count]:
        state.apply(frame)
    return [count, msgspec.to_builtins(state)]


def generated(count: int) -> list[list[dict[str, Any]]]:
    """So many different sequences, always the same ones."""
    found: dict[str, list[dict[str, Any]]] = {}
    for seed in itertools.count():
        if len(found) == count:
            break
        frames = story(seed)
        found.setdefault(json.dumps(frames), frames)
    return list(found.values())


def write() -> None:
    sequences = generated(COUNT)
    _write(VECTORS, [[frames, after_each(frames)] for frames in sequences])
    _write(CHECKPOINTS, [checkpoint(frames, number) for number, frames in enumerate(sequences)])


def _write(file: Path, entries: list[Any]) -> None:
    lines = [json.dumps(entry, separators=(",", ":")) for entry in entries]
    file.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    write()
