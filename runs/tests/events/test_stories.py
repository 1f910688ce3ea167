"""The generated sequences contain every kind of event that a reducer may get, and all it may say."""

from collections import defaultdict
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest
from msgspec.structs import FieldInfo

from runs.events.kinds import KINDS
from runs.tests.events.stories import generated

OF_LOG = ("seq", "timestamp")  # fields that the log adds
# `signal` is a fact about a crew: pages show it without a reducer.
REDUCED = {name: kind for name, kind in KINDS.items() if kind.stream != "mission"}
FIELDS = [(name, field) for name, kind in REDUCED.items() for field in msgspec.structs.fields(kind)]


@pytest.fixture(scope="module")
def said() -> dict[str, list[dict[str, Any]]]:
    """The frames of 1,000 sequences, by type."""
    frames = defaultdict(list)
    for sequence in generated(1_000):
        for frame in sequence:
            frames[frame["type"]].append(frame)
    return frames


def test_every_kind_of_the_run_and_graph_streams_is_generated_and_nothing_else(said):
    missing = sorted(REDUCED.keys() - said.keys())
    assert not missing, f"{missing}: draw it in runs/tests/events/story.py"
    assert said.keys() == {*REDUCED, "snapshot", "reset"}
    assert min(map(len, said.values())) > 20


def test_every_event_is_a_valid_one(said):
    for name, kind in REDUCED.items():
        for frame in said[name]:
            msgspec.convert({k: v for k, v in frame.items() if k not in OF_LOG}, kind)


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=lambda one: getattr(one, "name", one))
def test_every_value_and_every_lack_of_a_field_is_generated(said, name, field: FieldInfo):
    hint = f"{name}: draw its field `{field.name}` in runs/tests/events/story.py"
    given = {field.name in frame for frame in said[name]}
    if field.required:
        assert given == {True}, hint
    else:
        assert given == {True, False}, f"{hint}, sometimes"
    if get_origin(field.type) is Literal:
        drawn = {frame[field.name] for frame in said[name]}
        assert drawn == {*get_args(field.type)}, f"{hint}, with each value"
