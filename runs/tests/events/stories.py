"""Sequences of frames that two agents' runs could have sent, and what a crew's page shows of them.

``python -m runs.tests.events.stories`` writes ``vectors.json`` anew: 200 sequences that Hypothesis
generates. Both reducers are held to it, `runs.events.state` and ``crew_state.js``. It also writes
``checkpoints.json``: of each sequence the state after a part of it, from which both continue.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runs.events.state import CrewState

VECTORS = Path(__file__).with_name("vectors.json")
CHECKPOINTS = VECTORS.with_name("checkpoints.json")
COUNT = 200
AGENTS = ["orion", "vega"]
FRAMES = 14  # of one sequence, at most
TASK_ENDS = ["succeeded", "failed", "cancelled"]
TOOL_ENDS = ["success", "error", "completed_with_errors"]
CALL_ENDS = ["success", "error", "cancelled"]
DECISIONS = ["approved", "denied", "expired"]
USAGES = [
    {},
    {"input_tokens": 812},
    {"input_tokens": 812, "output_tokens": 94},
    {"input_tokens": 0, "output_tokens": 3, "cost_usd": 0.1},
    {"cost_usd": 0.2, "first_token_s": 0.5},
]
PLANNED = {"task_id": "planned", "name": "Plan", "agent_id": "orion"}  # of a worker's run
IDENTITIES = [{}, {"name": "Orion", "role": "Scout"}, {"parent_agent_id": "vega"}]


@st.composite
def stories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Frames of a crew's graph stream and of its runs' streams, as two sockets may mix them."""
    frames: list[dict[str, Any]] = []
    tasks: dict[str, dict] = {}  # running
    tools: dict[str, dict] = {}  # running
    calls: dict[str, dict] = {}  # open
    approvals: dict[str, str] = {}  # run of each that waits
    runs: list[str] = []  # not ended

    def add(type: str, **fields: Any) -> None:
        at = f"2026-01-01T00:00:{len(frames):02}.000000Z"
        frames.append({"type": type, "timestamp": at} | fields)

    if draw(st.booleans()):
        states = st.sampled_from(["idle", "working", "done", "error"])
        agents = [{"agent_id": a, "name": a, "role": "", "state": draw(states)} for a in AGENTS]
        lists = draw(st.sampled_from([{}, _lists()]))  # an older server sends none
        add("snapshot", stream="graph:c", agents=agents, executions=[], **lists)
    for number in range(draw(st.integers(1, FRAMES))):
        moves = ["boot", *["start"] * 3 * bool(runs), *["call"] * 3 * bool(runs)]
        moves += [*["report", "return"] * 2 * bool(tools), *["end"] * 2 * bool(tasks)]
        moves += [
            *["think", "think", "hand_over", "agent"] * bool(runs),
            *["first_token", *["answer"] * 3] * bool(calls),
            *["ask", "ask"] * bool(runs),
            *["decide"] * 3 * bool(approvals),
            *["pause"] * 3 * bool(tools or tasks),
            *["resume"] * bool(runs),
        ]
        moves += [*["done"] * bool(runs), "unknown_report", "reset"]
        pick = lambda values: draw(st.sampled_from(sorted(values)))  # noqa: E731
        match draw(st.sampled_from(moves)):
            case "boot":
                runs.append(f"run-{number}")
                tasks_of = draw(st.sampled_from([[PLANNED], []]))
                add("boot", run_id=runs[-1], crew_id="c", crew="Crew", agents=[], tasks=tasks_of)
            case "start":
                task = {"run_id": pick(runs), "task_id": f"task-{number}", "agent_id": pick(AGENTS)}
                tasks[task["task_id"]] = task
                add("task_start", **task, crew_id="c", name="Build")
            case "end":
                task = tasks.pop(pick(tasks))
                add("task_end", **task, crew_id="c", status=pick(TASK_ENDS), duration_s=1)
            case "call":
                id = f"tool-{number}"
                tools[id] = {"run_id": pick(runs), "agent_id": pick(AGENTS), "execution_id": id}
                add("tool_start", **tools[id], crew_id="c", tool="script", params={})
            case "report":
                share = draw(st.sampled_from([{}, {"progress": 0.5}]))
                tool = tools[pick(tools)]
                add("tool_progress", **tool, crew_id="c", tool="script", message="m", **share)
            case "return":
                tool = tools.pop(pick(tools)) | {"crew_id": "c", "tool": "script"}
                add("tool_end", **tool, duration_s=1, exit_code=0, status=pick(TOOL_ENDS))
            case "think":
                id = f"call-{number}"
                calls[id] = {"run_id": pick(runs), "agent_id": pick(AGENTS), "call_id": id}
                add("llm_start", **calls[id], crew_id="c", provider="openai", model="gpt-5-mini")
            case "first_token":
                part = draw(st.sampled_from([{"first_token_s": 0.5}, {"output": "a"}]))
                add("llm_progress", **calls[pick(calls)], crew_id="c", **part)
            case "answer":
                call = calls.pop(pick(calls)) | {"crew_id": "c", "duration_s": 1}
                add("llm_end", **call, status=pick(CALL_ENDS), **draw(st.sampled_from(USAGES)))
            case "hand_over":
                agents = dict(zip(("from_agent_id", "to_agent_id"), AGENTS, strict=True))
                text = draw(st.sampled_from([{}, {"message": "m"}]))
                add("handoff", run_id=pick(runs), crew_id="c", **agents, **text)
            case "agent":
                identity = draw(st.sampled_from(IDENTITIES))
                add("agent_start", run_id=pick(runs), crew_id="c", agent_id="orion", **identity)
            case "ask":
                id = f"approval-{number}"
                approvals[id] = pick(runs)
                about = {"run_id": approvals[id], "approval_id": id, "agent_id": pick(AGENTS)}
                call = {"tool": "script", "params": {}, "seen": "s", "admins_only": False}
                add("approval_requested", **about, **call, crew_id="c", expires_at="later")
            case "decide":
                id = pick(approvals)
                about = {"run_id": approvals.pop(id), "approval_id": id, "crew_id": "c"}
                add("approval_decided", **about, decision=pick(DECISIONS), by="somebody", note="")
            case "pause" | "resume" as action if runs:
                about = {"run_id": pick(runs), "control_id": f"control-{number}", "crew_id": "c"}
                add("control_requested", **about, action=action, by="somebody")
                if answer := draw(st.sampled_from(["applied", "applied", "refused", ""])):
                    add("control_applied", **about, status=answer, detail="")
            case "unknown_report":
                tool = {"run_id": "run-x", "agent_id": pick(AGENTS), "execution_id": f"x-{number}"}
                add("tool_progress", **tool, crew_id="c", tool="script", message="m")
            case "done":
                run_id = pick(runs)
                runs.remove(run_id)
                add("done", run_id=run_id, crew_id="c", status="succeeded", duration_s=1)
            case "reset" if runs:
                add("reset", stream=f"run:{pick(runs)}", reason="ahead", epoch="e", head=0)
    return frames


def _lists() -> dict[str, list[dict[str, Any]]]:
    """Model calls, totals and handoffs of a snapshot."""
    call = {"run_id": "run-s", "agent_id": "vega", "call_id": "call-s", "provider": "", "model": ""}
    usage = {"run_id": "run-s", "model_calls": 2, "calls_without_usage": 1, "calls_without_cost": 2}
    totals = {"input_tokens": 5, "output_tokens": 7, "cost_usd": None}
    handoff = {"run_id": "run-s", "from_agent_id": "vega", "to_agent_id": "orion", "message": ""}
    return {
        "calls": [call | {"started_at": "2026-01-01T00:00:00.000000Z", "duration_s": 1}],
        "usage": [usage | totals],
        "handoffs": [handoff],
    }


def shown(state: CrewState) -> list[Any]:
    """Of each agent its state, its task, of each tool shown the id, status and progress and
    whether a pause has stopped it, its open model calls, its name and parent. Then the totals of
    each run, the handoffs, and the ids of all agents that were named.
    """
    agents = [
        [
            state.state_of(agent),
            state.task_of(agent),
            [
                [
                    tool["execution_id"],
                    tool["status"],
                    tool.get("progress"),
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


def checkpoint(frames: list[dict[str, Any]], number: int) -> list[Any]:
    """``[count, state]``: the state after some of the frames, more of them in later sequences."""
    count = 1 + number % len(frames)
    state = CrewState()
    for frame in frames[:count]:
        state.apply(frame)
    return [count, msgspec.to_builtins(state)]


def generated(examples: int) -> list[list[dict[str, Any]]]:
    """The different sequences among so many examples, always the same ones."""
    found: dict[str, list[dict[str, Any]]] = {}

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(stories())
    def collect(frames: list[dict[str, Any]]) -> None:
        found.setdefault(json.dumps(frames), frames)

    collect()
    return list(found.values())


def write() -> None:
    longest = sorted(generated(COUNT * 3), key=len, reverse=True)[:COUNT]
    lines = [json.dumps([frames, after_each(frames)], separators=(",", ":")) for frames in longest]
    VECTORS.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    states = [checkpoint(frames, number) for number, frames in enumerate(longest)]
    lines = [json.dumps(state, separators=(",", ":")) for state in states]
    CHECKPOINTS.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    write()
