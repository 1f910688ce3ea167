"""Copies of the host's values: one that cannot be shown, large ones, and how much memory they need."""

import dataclasses
import json
import time
import tracemalloc
from typing import Any

import pytest

from crewops_client.reporter import Reporter
from crewops_client.runs import Run
from crewops_client.value_snapshot import NODES, TEXT, snapshot
from sdk.conftest import Make
from sdk.report_server import ReportServer


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int
    later: int = dataclasses.field(init=False)


class Rude:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError("the host's code was run")


@dataclasses.dataclass(slots=True)
class RudeSlotted(Rude):
    x: int
    unset: int = dataclasses.field(init=False)


@dataclasses.dataclass
class Plain:
    x: int

    def __post_init__(self) -> None:
        self.more = 2


@dataclasses.dataclass(slots=True)
class Named(Plain):
    name: str = "n"


class Model:
    """Looks as a model of Pydantic, and has no attributes."""

    model_fields: dict[str, Any] = {}
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Slotted(3), {"x": 3}),
        (Plain(1), {"x": 1, "more": 2}),
        (Named(1), {"x": 1, "more": 2, "name": "n"}),
        (Model(), "<Model>"),
    ],
)
def test_a_value_never_hides_the_values_beside_it(value, shown):
    assert snapshot({"a": "hello", "p": value, "b": [2, value]}) == {
        "a": "hello",
        "p": shown,
        "b": [2, shown],
    }


def test_no_code_of_a_class_with_slots_is_run():
    assert snapshot([RudeSlotted(3)]) == [{"x": 3}]


def test_of_large_values_only_the_part_that_is_kept_is_copied():
    class Text(str):
        __slots__ = ()

    numbers = list(range(1_000_000))
    for value in (
        numbers,
        tuple(numbers),
        set(numbers),
        frozenset(numbers),
        dict.fromkeys(numbers, 1),
        Text("x" * 5_000_000),
        Plain(numbers),
    ):
        tracemalloc.start()
        try:
            kept = snapshot({"rows": value})
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 200_000, type(value)
        assert len(json.dumps(kept)) < 2 * TEXT
    assert snapshot(numbers) == [*range(NODES - 1), "…"]
    assert snapshot(list(range(NODES - 1))) == list(range(NODES - 1))
    assert snapshot({(1,): [1]}) == {"…": [1]}


@pytest.mark.parametrize(("failures", "shown"), [(1, {"k": 1}), (99, "<dict>")])
def test_a_change_by_another_thread_is_survived(monkeypatch, failures: int, shown: Any):
    """`failures` is how often the dict changes while it is read."""
    left = [failures]

    def islice(items: Any, count: int) -> Any:
        if left[0] and len(items) == 1 and "k" in dict(items):
            left[0] -= 1
            raise RuntimeError("dictionary changed size during iteration")
        return list(items)[:count]

    monkeypatch.setattr("crewops_client.value_snapshot.islice", islice, raising=False)
    assert snapshot({"a": 1, "d": {"k": 1}}) == {"a": 1, "d": shown}


def test_parameters_count_to_the_memory_limit(make: Make, monkeypatch):
    reporter = make(memory_limit=4_000_000)
    monkeypatch.setattr(reporter, "_start", lambda: None)  # so nothing leaves the queue
    run = Run(reporter, "c").start()
    pages = ["lorem ipsum " * 300 + str(number) for number in range(20)]
    tracemalloc.start()
    try:
        for _ in range(500):
            run.start_tool("rerank", {"pages": [page + "." for page in pages]}).end()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < reporter.settings.memory_limit
    items = [reporter._queue.get_nowait() for _ in range(reporter._queue.qsize())]
    starts = [item[4] for item in items if item[1] == "tool_start"]
    assert len(starts) == 500
    assert "pages" in starts[0]["params"]
    assert starts[-1].keys() == {"execution_id", "tool"}


def test_there_is_room_for_parameters_again(reporter: Reporter, server: ReportServer):
    run = Run(reporter, "c").start()
    for _ in range(80):
        run.start_tool("rerank", {"pages": ["x" * 3_900] * 20}).end()
        time.sleep(0.001)
        if len(server.of("tool_start")) > 3:
            break
    assert run.flush(20)
    run.start_tool("rerank", {"pages": ["x" * 2_000] * 20, "again": snapshot({"k": "y" * 2000})})
    assert run.flush(20)
    last = server.of("tool_start")[-1]["params"]
    assert last == {"pages": ["x" * 2_000] * 20, "again": {"k": "y" * 2000}}
