"""Events that msgspec encodes as they are have the same text as those that are cleaned first."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from msgspec import UNSET

from runs.events import encoding, kinds

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
RUN = {"crew_id": "c", "run_id": "r"}
TOOL = RUN | {"agent_id": "a", "execution_id": "x", "tool": "ls"}
CALL = RUN | {"agent_id": "a", "call_id": "k"}


def _deep(levels: int) -> object:
    return [_deep(levels - 1)] if levels else "end"


EVENTS = {
    "text": kinds.ToolProgress(**TOOL, message='é "\\ \n \u2028 🙂', output=UNSET),
    "numbers": kinds.ToolEnd(**TOOL, duration_s=0.1 + 0.2, exit_code=None, status="error"),
    "an integer for a float": kinds.ToolEnd(**TOOL, duration_s=1, exit_code=-1, status="success"),
    "call": kinds.LlmEnd(**CALL, duration_s=1.5, status="success", input_tokens=812, cost_usd=1e-9),
    "parameters": kinds.ToolStart(**TOOL, params={"a": [1, None, {"b": True}], "c": 0.5, "": {}}),
    "other keys": kinds.ToolStart(**TOOL, params={2: 2, None: 3, True: 4, 1.5: (5, {6})}),
    "not finite": kinds.ToolStart(**TOOL, params={"a": [float("nan"), float("-inf")]}),
    "large integers": kinds.ToolStart(**TOOL, params={"a": [2**53, 2**53 - 1, -(2**80)]}),
    "digits": kinds.ToolProgress(**TOOL, message="12345678901234567890"),
    "deep": kinds.ToolStart(**TOOL, params={"a": _deep(40)}),
    "NUL": kinds.ToolProgress(**TOOL, message="a\0b"),
    "half a pair": kinds.ToolProgress(**TOOL, message="a\ud83db"),
    "half a pair in parameters": kinds.ToolStart(**TOOL, params={"a\udc00": "\0"}),
    "long": kinds.ToolProgress(**TOOL, message="a", output="é" * 40_000),
    "limit": kinds.ToolProgress(**TOOL, message="", output="a" * (encoding.EVENT_LIMIT - 150)),
    "agents": kinds.Boot(**RUN, crew="C", agents=[{"agent_id": "a", "name": "A", "role": ""}], tasks=[]),
    "crew": kinds.Signal(crew_id="c", payload={"status": "busy", "crewId": "c", "approvals": 2}),
}  # fmt: skip
CLEANED = {"NUL", "half a pair", "long", "limit"}


@pytest.mark.parametrize("name", EVENTS)
def test_both_ways_give_the_same_text(name, monkeypatch):
    event = EVENTS[name]
    text = encoding.encode(event, seq=7, timestamp=NOW)
    assert (encoding._encode_plain(event, 7, NOW) is None) == (name in CLEANED)
    monkeypatch.setattr(encoding, "_encode_plain", lambda *args: None)
    assert text == encoding.encode(event, seq=7, timestamp=NOW)
    assert json.loads(text)["seq"] == 7


@pytest.mark.parametrize(
    "event",
    [
        kinds.ToolEnd(**TOOL, duration_s=float("nan"), exit_code=None, status="error"),
        kinds.ToolEnd(**TOOL, duration_s=-1.0, exit_code=None, status="error"),
        kinds.ToolEnd(**TOOL, duration_s=1.0, exit_code=None, status="unknown"),
        kinds.ToolEnd(**TOOL, duration_s=1, exit_code=2**53, status="error"),
        kinds.ToolProgress(**TOOL, message=None),
        kinds.Boot(**RUN, crew="C", agents=[{"agent_id": "a"}], tasks=[]),
    ],
)
def test_both_ways_refuse_a_field_of_another_type(event, monkeypatch):
    with pytest.raises(msgspec.ValidationError):
        encoding.encode(event, seq=1, timestamp=NOW)
    monkeypatch.setattr(encoding, "_encode_plain", lambda *args: None)
    with pytest.raises(msgspec.ValidationError):
        encoding.encode(event, seq=1, timestamp=NOW)
