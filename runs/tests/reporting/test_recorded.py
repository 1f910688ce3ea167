"""What the adapters report of real frameworks comes through `POST /api/report/` as it was
reported.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from runs.models.model_call import TOKENS
from runs.reporting.reported_kinds import KINDS

VECTORS = Path(__file__).parents[3] / "clients" / "python" / "tests" / "sdk" / "vectors"

pytestmark = pytest.mark.django_db


BOOT = {"type": "boot", "crew": "release-crew"}
RECORDED = [
    pytest.param(case["events"], id=f"{path.stem}: {case['case']}")
    for path in sorted(VECTORS.glob("*.json"))
    for case in json.loads(path.read_text())["cases"]
]


def first_ends(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    ends: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["type"] == "llm_end":
            ends.setdefault(event["call_id"], event)
    return ends


@pytest.mark.parametrize("events", RECORDED)
def test_calls_and_handoffs_of_a_framework(program, run_of, events):
    # A coding agent joins the run that `crewops exec` has opened. Its hooks go to another address.
    events = [BOOT, *(event for event in events if event["type"] in KINDS)]
    answer = program.send(*(e | {"run": "n1", "id": f"{n}"} for n, e in enumerate(events)))
    # A tool that waits for an approval after its task has ended has ended with it.
    assert {events[rejected["index"]]["type"] for rejected in answer["rejected"]} <= {
        "tool_progress"
    }
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
