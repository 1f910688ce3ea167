"""Recorded sequences of each source, in pieces that may be delivered in different ways."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runs.models import AgentExecution, ModelCall, Run, TaskExecution, ToolExecution
from runs.reporting.reported_kinds import KINDS
from runs.tests.reporting import test_claude_code, test_coding_agents
from runs.tests.reporting.otlp import conftest as otlp

Event = dict[str, Any]
ADAPTERS = Path(__file__).parents[3] / "clients" / "python" / "tests" / "sdk" / "vectors"
BEGUN = 1_700_000_000
OBJECTS = {
    "agent": ("instance", "agent_id"),
    "task": ("task_id",),
    "tool": ("execution_id",),
    "llm": ("call_id",),
}
NAMES = ("agent_id", "task_id", "parent_agent_id", "from_agent_id", "to_agent_id")


def reports() -> dict[str, list[Event]]:
    """By name: what adapters and `crewops exec --as` report of one run, with times."""
    found: dict[str, list[Event]] = {}
    for path in sorted(ADAPTERS.glob("*.json")):
        for case in json.loads(path.read_text())["cases"]:
            events = [event for event in case["events"] if event["type"] in KINDS]
            if [event["type"] for event in events].count("boot") == 1:
                found[f"{path.stem}: {case['case']}"] = events
    for path in sorted(test_coding_agents.STREAMS.glob("*.jsonl")):
        source = "codex" if path.stem.startswith("codex") else "claude-code"
        found[path.stem] = test_coding_agents.reported(source, path.stem)
    return {
        name: [
            event
            | {"run": name, "id": f"{number}", "at": BEGUN + number}
            # Agents of a crew get their names from all of its runs.
            | ({"crew": f"crew-{place}"} if event["type"] == "boot" else {})
            for number, event in enumerate(events)
        ]
        for place, (name, events) in enumerate(found.items())
    }


def hooks() -> dict[str, list[Event]]:
    """By name: the hooks of a session of Claude Code."""
    return {
        f"hooks{name} {session}": test_claude_code.recorded(name, session)
        for name, session in test_claude_code.EXPECTED
    }


def spans() -> dict[str, list[Event]]:
    """By name: requests of one span each."""
    found = {}
    for name in otlp.VECTORS:
        request = otlp.recorded(name)
        if len({span["traceId"] for span in otlp.spans_of(request)}) == 1:
            found[name] = [otlp.with_spans(request, [span]) for span in otlp.spans_of(request)]
    return found


def commute(one: Event, other: Event, chains: dict[str, set[str]]) -> bool:
    """Whether two neighbouring events may come in the other order: they could be of two threads.

    They are about two objects, neither of which is within the other.
    """
    a, b = subject(one), subject(other)
    if a is None or b is None or a == b:
        return False
    return a not in chains.get(b, set()) and b not in chains.get(a, set())


def subject(event: Event) -> str | None:
    """The object that the event is about. Of a boot, a done and an error: none."""
    kind = event["type"].partition("_")[0]
    if event["type"] == "handoff":
        return f"handoff {event['id']}"
    return next((f"{kind} {event[name]}" for name in OBJECTS.get(kind, ()) if name in event), None)


def chains_of(events: Sequence[Event]) -> dict[str, set[str]]:
    """Of each object those that it is within, or names."""
    chains: dict[str, set[str]] = {}
    own_agents: dict[str, set[str]] = {}  # the objects of an agent: each of its instances
    for event in events:
        if event["type"] == "agent_start":
            own_agents.setdefault(event["agent_id"], set()).add(subject(event) or "")
    for event in events:
        if (about := subject(event)) is None:
            continue
        chain = chains.setdefault(about, set())
        for name in NAMES:
            if name in event and name.endswith("agent_id"):
                chain |= own_agents.get(event[name], set())
            elif name in event:
                chain |= {f"task {event[name]}", *chains.get(f"task {event[name]}", ())}
    return {about: chain - {about} for about, chain in chains.items()}


def picture(run: Run) -> Event:
    """All that is stored of a run, without ids, and without times where a source has none."""
    agents = {agent["agent_id"]: agent for agent in run.plan["agents"]}
    named = {task["task_id"]: task["name"] for task in run.plan["tasks"]}
    tools = ToolExecution.objects.filter(task_execution__run=run).select_related("task_execution")
    return {
        "run": (run.status, run.reason, run.message, run.reported.name, run.crew.slug),
        "usage": str(run.usage),
        "known": sorted(map(str, agents.values())),
        "agents": sorted(
            (agent.agent_id, agent.status) for agent in AgentExecution.objects.filter(run=run)
        ),
        "tasks": sorted(
            (task.agent_id, named[str(task.task_id)], task.status, task.message)
            for task in TaskExecution.objects.filter(run=run)
        ),
        "tools": sorted(map(str, map(_tool, tools))),
        "calls": sorted(map(str, _calls(run))),
        "handoffs": sorted(run.handoffs.values_list("from_agent_id", "to_agent_id", "message")),
    }


def _tool(tool: ToolExecution) -> tuple[Any, ...]:
    where = (tool.task_execution.agent_id, tool.task_execution.name)
    return (*where, tool.tool, tool.params, tool.status, tool.exit_code, tool.message, tool.output)


def _calls(run: Run) -> Iterator[tuple[Any, ...]]:
    own = ModelCall.objects.filter(run=run)
    fields = ("agent_id", "provider", "model", "status", "message", "finish_reason", "cost_usd")
    yield from own.values_list(
        *fields, "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"
    )
