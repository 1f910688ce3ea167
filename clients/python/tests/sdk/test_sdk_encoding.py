"""Values of the host become small, valid JSON, whatever they are."""

import dataclasses
import datetime
import enum
import json
import pathlib
import uuid

import pytest

from crewops_client import encoding
from crewops_client.value_snapshot import NODES, snapshot


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    label: str


class Rude:
    def __repr__(self) -> str:
        raise AssertionError("the host's code was run")

    __str__ = __len__ = __iter__ = __eq__ = __repr__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class Text(str):
    def __str__(self) -> str:
        raise AssertionError("the host's code was run")


def cycle() -> list:
    value: list = [1]
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, 2.5, None, True]}, {"a": [1, 2.5, None, True]}),
        (float("nan"), None),
        (2**60, hex(2**60)),
        ("x" * 5000, "x" * 4000 + "…"),
        (b"abc", "<3 bytes>"),
        (("a", {1: "b"}), ["a", {"1": "b"}]),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime.date(2026, 11, 28), "2026-11-28"),
        (Colour.RED, "red"),
        (Point(1, "p"), {"x": 1, "label": "p"}),
        (Text("text"), "text"),
        (Rude, "<builtins.type>"),
    ],
)
def test_snapshot(value, shown):
    assert snapshot(value) == shown


def test_snapshot_runs_no_code_of_the_host():
    assert snapshot({"rude": Rude()})["rude"].endswith("Rude>")


def test_snapshot_is_bounded():
    assert len(json.dumps(snapshot(cycle()))) < 100
    wide = snapshot({str(number): list(range(100)) for number in range(1000)})
    assert sum(len(each) for each in wide.values()) <= 2 * NODES
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    assert len(json.dumps(snapshot(deep))) < 100


def test_snapshot_is_a_copy():
    inner = [1]
    taken = snapshot({"a": inner})
    inner.append(2)
    assert taken == {"a": [1]}


@pytest.mark.parametrize(
    "fields",
    [
        {"progress": float("nan")},
        {"progress": object()},
        {"message": "\ud800"},
        {"message": "x" * 100_000},
        {"params": {str(number): "x" * 4000 for number in range(50)}},
        {"output": "\x00" * 8000},
    ],
)
def test_every_event_is_one_line_of_json_below_the_limit(fields):
    line = encoding.encode(("run", "tool_progress", 1.0, 1, {"execution_id": "x", **fields}), "p-")
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) <= encoding.EVENT
    assert json.loads(line)["id"] == "p-1"


def test_only_neighbouring_outputs_of_one_tool_are_merged():
    def output(run: str, tool: str, text: str, **more) -> tuple:
        return (run, "tool_progress", 1.0, 1, {"execution_id": tool, "output": text, **more})

    items = [
        output("r", "x", "a"),
        output("r", "x", "b"),
        output("r", "y", "c"),
        output("r", "x", "d"),
        output("s", "x", "e"),
        output("s", "x", "f", progress=1),
        output("s", "x", "g"),
        output("s", "x", "h" * 7999),
        output("s", "x", "i"),
    ]
    texts = [item[4]["output"] for item in encoding.merged(items)]
    assert texts == ["ab", "c", "d", "e", "f", "g" + "h" * 7999, "i"]
    assert items[0][4]["output"] == "a"


@pytest.mark.parametrize(
    ("given", "taken"), [("a", "a"), ("", "-"), (7, "7"), ("x" * 300, "x" * 200)]
)
def test_identifiers(given, taken):
    assert encoding.identifier(given) == taken
