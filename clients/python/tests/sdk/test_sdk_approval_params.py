"""The parameters of a call that needs approval are shown whole, or the call is denied."""

import dataclasses
import datetime
import decimal
import enum
import pathlib
import uuid
from types import SimpleNamespace
from typing import Any

import pytest

import crewops_client as crewops
from crewops_client.approval_params import whole

LONG = "x" * 4_100 + "; rm -rf /"


@dataclasses.dataclass
class Script:
    code: str
    steps: Any
    hidden: dataclasses.InitVar[str] = ""

    def __post_init__(self, hidden: str) -> None:
        self.kept = hidden


@dataclasses.dataclass(slots=True)
class Slotted:
    code: str


class Model:
    """As a model of Pydantic is: fields in `__dict__`, others in `__pydantic_extra__`."""

    model_fields = {"code": None}
    __pydantic_extra__ = {"more": "m"}

    def __init__(self) -> None:
        self.code = "c"


class Colour(enum.Enum):
    RED = "red"


KNOWN = [
    (LONG, LONG),
    (Script(LONG, [[[[[[["deep"]]]]]]], "h"),
     {"code": LONG, "steps": [[[[[[["deep"]]]]]]], "kept": "h"}),
    (Slotted("c"), {"code": "c"}),
    (Model(), {"code": "c", "more": "m"}),
    (Colour.RED, "red"),
    ((1, 2**60), [1, 2**60]),
    (frozenset({1}), [1]),
    (list(range(500)), list(range(500))),
    (pathlib.PurePosixPath("/etc"), "/etc"),
    (datetime.datetime(2026, 1, 2, 3), "2026-01-02 03:00:00"),
    (decimal.Decimal("1.50"), "1.50"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "shown"), KNOWN)
def test_values_that_are_known_are_shown_whole(reporter, server, value, shown):
    server.decision = {"decision": "approved"}
    with crewops.run("release-crew") as run, run.tool("deploy", approve=True, value=value):
        pass
    assert server.of("question")[0]["params"] == {"value": shown}


def contains_itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


UNKNOWN = [
    object(), SimpleNamespace(code="x"), b"rm -rf /", Script("c", object()), contains_itself(),
    {1: "rm -rf /", "1": "ls"}, {("a",): 1}, float("inf"),
]  # fmt: skip


@pytest.mark.parametrize("value", UNKNOWN)
def test_other_values_are_denied(reporter, server, value):
    server.decision = {"decision": "approved"}
    with (
        crewops.run("release-crew") as run,
        pytest.raises(crewops.Denied, match="cannot be shown whole"),
        run.tool("deploy", approve=True, value=value),
    ):
        raise AssertionError("entered")
    assert server.of("question") == []


def test_the_denial_names_the_type():
    with pytest.raises(TypeError, match="plain values instead of the type SimpleNamespace"):
        whole({"value": [SimpleNamespace()]})
