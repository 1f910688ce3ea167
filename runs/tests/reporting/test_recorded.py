"""What the adapters report of real frameworks comes through `POST /api/report/` as it was
reported.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from runs.models import ToolExecution
from runs.models.model_call import TOKENS
from runs.reporting.reported_kinds import KINDS

VECTORS = Path(__file__).parents[3] / "clients" / "python" / "tests" / "sdk" / "vectors"

pytestmark = pytest.mark.django_db


def reported(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the answers to controls, which nobody requests here.

    A coding agent joins the run that `crewops exec` has opened. Its hooks go to another address.
    """
    return [event for event in events if event["type"] in KINDS and "control_id" not in event]


BOOT = {"type": "boot", "crew": "release-crew"}
RECORDED = [
    pytest.param(reported(case["events"]), id=f"{path.stem}: {case['case']}")
    for path in sorted(VECTORS.glob("*.json"))
    for case in json.loads(path.read_text())["cases"]
]


@pytest.mark.parametrize("events", RECORDED)
def test_tools_of_a_framework_end_as_they_were_reported(program, run_of, events):
    """They do not end earlier: the end of a task ends the tools that are open in it."""
    events = [BOOT, *events]
    program.send(*(e | {"run": "n1", "id": f"{n}"} for n, e in enumerate(events)))
    ends = {e["execution_id"]: e["status"] for e in reversed(events) if e["type"] == "tool_end"}
    tools = ToolExecution.objects.filter(task_execution__run=run_of("n1"))
    given = ["success" if status == "success" else "error" for status in ends.values()]
    assert sorted(tools.values_list("status", flat=True)) == sorted(given)


def first_ends(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    ends: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["type"] == "llm_end":
            ends.setdefault(event["call_id"], event)
    return ends


@pytest.mark.parametrize("events", RECORDED)
def test_calls_and_handoffs_of_a_framework(program, run_of, events):
    events = [BOOT, *events]
    answer = program.send(*(e | {"run": "n1", "id": f"{n}"} for n, e in enumerate(events)))
    assert answer["rejected"] == []
    run = run_of("n1")
    ends = first_ends(events)
    started = {event["call_id"] for event in events if event["type"] == "llm_start"}
    assert run.calls.count() == len(started | ends.keys())
    assert not run.calls.open().exists()
    stored = sorted(str(row) for row in run.calls.values_list("status", *TOKENS) if any(row[1:]))
    given = ([end.get(name) for name in ("status", *TOKENS)] for end in ends.values())
    assert stored == sorted(str(tuple(row)) for row in given if any(row[1:]))
    for name in ("input_tokens", "output_tokens"):
        total = sum(end.get(name) or 0 for end in ends.values())
        assert (getattr(run, name) or 0) == total
    assert run.model_calls == len(started | ends.keys())
    assert run.handoffs.count() == sum(event["type"] == "handoff" for event in events)


def test_the_recordings_have_calls_with_tokens_and_handoffs():
    events = [event for case in RECORDED for event in case.values[0]]
    assert sum(event.get("input_tokens") is not None for event in events) > 20
    assert any(event["type"] == "handoff" for event in events)
