"""What `crewops exec --as` makes of real output of Claude Code and Codex, taken by the server."""

import json
from pathlib import Path
from typing import Any

import pytest
from crewops_client.streams import MAPPERS

from runs.models import AgentExecution, ModelCall, Run, TaskExecution, ToolExecution
from runs.tests.reporting.conftest import Program

STREAMS = Path(__file__).parents[3] / "clients/python/tests/sdk/vectors/streams"


def reported(source: str, name: str) -> list[dict[str, Any]]:
    mapper = MAPPERS[source](source, "task", "p-", ())
    events: list[tuple[str, dict[str, Any]]] = [
        ("boot", {"crew": "site", "origin": source}),
        ("agent_start", {"agent_id": source}),
        ("task_start", {"task_id": "task", "agent_id": source, "name": "Mend the build"}),
    ]
    for line in (STREAMS / f"{name}.jsonl").read_text().splitlines():
        events += mapper.feed(json.loads(line))
    status, message = mapper.verdict("succeeded", None)
    end = {"status": status, "message": message}
    events += [("task_end", {"task_id": "task", **end})]
    events += [("agent_end", {"agent_id": source, **end}), ("done", end)]
    return [
        {"run": "r", "id": str(number), "type": kind, **fields}
        for number, (kind, fields) in enumerate(events)
    ]


@pytest.mark.parametrize(
    ("source", "name", "run", "agents", "tools", "tokens"),
    [
        ("claude-code", "claude-code-2.1.332.tools", "succeeded", [], [0, 0, 0, 3, None],
         [(750, 100, 250, 0.003075)]),
        ("claude-code", "claude-code-2.1.332.background-subagent", "succeeded",
         [("general-purpose", "succeeded")], [None], [(750, 100, 250, 0.003075)]),
        ("claude-code", "claude-code-2.1.332.interrupted", "cancelled", [], [None], None),
        ("claude-code", "claude-code-2.1.332.failed", "failed", [], [0], None),
        # The command that Codex left open has no exit code, and its sub-agent is cancelled.
        ("codex", "codex-0.171.0.tools", "succeeded", [], [0, 0, 0, 3, None],
         [(500, 100, 250, None)]),
        ("codex", "codex-0.171.0.subagent", "succeeded", [("sub-agent", "cancelled")], [0],
         [(300, 60, 150, None)]),
    ],
)  # fmt: skip
def test_the_run_of_a_recording(program: Program, source, name, run, agents, tools, tokens):
    assert program.send(*reported(source, name))["rejected"] == []
    assert Run.objects.get().status == run
    shown = AgentExecution.objects.exclude(agent_id=source).values_list("agent_id", "status")
    assert list(shown) == agents
    assert AgentExecution.objects.get(agent_id=source).status == run
    assert TaskExecution.objects.get(agent_id=source).status == run
    codes = ToolExecution.objects.values_list("exit_code", flat=True)
    assert sorted(codes, key=lambda code: (code is None, code)) == tools
    assert not ToolExecution.objects.filter(status="running").exists()
    calls = [
        (call.input_tokens, call.output_tokens, call.cached_tokens,
         None if call.cost_usd is None else float(call.cost_usd))
        for call in ModelCall.objects.all()
    ]  # fmt: skip
    assert tokens is None or calls == tokens
