"""What is made from the kinds of events is up to date, and describes what the log holds."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import msgspec
import pytest
from django.conf import settings

from crewops.event_documents import PROTOCOL, SCHEMA, files
from runs.events.encoding import encode
from runs.events.kinds import KINDS, Event, TaskEnd, ToolProgress
from tests.events import UNIMPORTANT, sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("path", files(), ids=str)
def test_is_up_to_date(path: Path):
    assert (settings.BASE_DIR / path).read_text() == files()[path], "Run `make event-docs`."


@pytest.fixture(scope="module")
def schema() -> jsonschema.protocols.Validator:
    text = (settings.BASE_DIR / SCHEMA).read_text()
    return jsonschema.Draft202012Validator(json.loads(text))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_schema_describes_what_is_written(schema, kind: type[Event]):
    frame = json.loads(encode(sample(kind), seq=1, timestamp=NOW))
    schema.validate(frame)
    for name in UNIMPORTANT[kind]:
        less = {key: value for key, value in frame.items() if key != name}
        assert not schema.is_valid(less), f"{name} may be missing"
    assert schema.is_valid(frame | {"added_later": 1})


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_has_a_sample_with_its_required_fields(kind: type[Event]):
    required = {field.name for field in msgspec.structs.fields(kind) if field.required}
    missing = required - {"crew_id", "run_id"} - UNIMPORTANT.get(kind, {}).keys()
    hint = f"{kind.__name__}: add its required fields to tests/events.py: {sorted(missing)}"
    assert kind in UNIMPORTANT, hint
    assert not missing, hint


def test_the_table_marks_the_keys_of_an_object_that_may_be_missing():
    assert "`payload: {status, crewId, approvals?}`" in files()[PROTOCOL]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (TaskEnd, {"status": "success"}),
        (TaskEnd, {"duration_s": "1"}),
        (TaskEnd, {"duration_s": -1}),
        (ToolProgress, {"progress": 1.5}),
        (ToolProgress, {"message": None}),
    ],
)
def test_a_field_of_another_type_is_not_written(kind, fields):
    with pytest.raises(msgspec.ValidationError, match=next(iter(fields))):
        encode(sample(kind, **fields), seq=1, timestamp=NOW)


def test_a_field_that_the_kind_does_not_have_is_not_written():
    with pytest.raises(TypeError, match="outcome"):
        sample(TaskEnd, outcome="succeeded")


GUIDE = "docs/adding-an-event.md"


def test_the_examples_of_the_guide_are_the_code():
    """A line ``...`` stands for lines that are left out."""
    blocks = re.findall(
        r"```python\n# (\S+)\n(.*?)```", (settings.BASE_DIR / GUIDE).read_text(), re.S
    )
    assert len(blocks) > 3
    for path, block in blocks:
        source = (settings.BASE_DIR / path).read_text()
        for part in re.split(r"^ *\.\.\.\n", block, flags=re.MULTILINE):
            assert part.strip("\n") in source, f"{GUIDE}: this is not in {path} any more:\n{part}"


def test_the_files_that_the_guide_names_exist():
    text = (settings.BASE_DIR / GUIDE).read_text()
    named = set(re.findall(r"(?<![\w./])((?:\w+/)+[\w.]*)", text))
    made_up = {"runs/models/NAME.py"}
    missing = [path for path in named - made_up if not (settings.BASE_DIR / path).exists()]
    assert len(named) > 40
    assert not missing, f"{GUIDE} names files that do not exist: {sorted(missing)}"
