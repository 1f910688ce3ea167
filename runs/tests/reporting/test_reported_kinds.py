"""Every kind of event that a program may report is applied, limited and described."""

import re
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from django.conf import settings
from msgspec import Meta
from msgspec.structs import fields

from runs.reporting.event_applier import EventApplier
from runs.reporting.event_parsing import CUT
from runs.reporting.reported_kinds import KINDS, ReportedEvent

APPLIED_ELSEWHERE = {"boot", "beat"}
DOCUMENT = "docs/reporting.md"
COMMON = {field.name for field in fields(ReportedEvent)}  # of every event


def described() -> dict[str, set[str]]:
    """The fields of each kind in the block of *Kinds*. ``name?`` may be missing."""
    text = (settings.BASE_DIR / DOCUMENT).read_text()
    block = text.split("\n## Kinds\n")[1].split("```")[1]
    kinds = re.findall(r"^(\w+) +\{(.*?)\}$", block, re.DOTALL | re.MULTILINE)
    return {kind: set(re.findall(r"\w+\??", names)) for kind, names in kinds}


def is_free_text(annotation: Any) -> bool:
    """Whether the type accepts a text of any length."""
    if get_origin(annotation) is UnionType:
        return any(map(is_free_text, get_args(annotation)))
    if get_origin(annotation) is Annotated:
        of, *metas = get_args(annotation)
        has_limit = any(meta.max_length or meta.pattern for meta in metas if isinstance(meta, Meta))
        return is_free_text(of) and not has_limit
    return annotation is str


@pytest.mark.parametrize("tag", sorted(KINDS.keys() - APPLIED_ELSEWHERE))
def test_every_kind_has_a_method_of_the_applier(tag):
    method = getattr(EventApplier, f"_{tag}", None)
    assert callable(method), f"{tag}: add a method `_{tag}` to EventApplier or a part of it"


@pytest.mark.parametrize("tag", KINDS)
def test_every_text_of_a_kind_has_a_limit(tag):
    hints = get_type_hints(KINDS[tag], include_extras=True)
    texts = {name for name, annotation in hints.items() if is_free_text(annotation)} - COMMON
    missing = sorted(texts - CUT[KINDS[tag]].keys())
    assert not missing, f"{tag}: add {missing} to LIMITS in runs/reporting/event_parsing.py"


@pytest.mark.parametrize("tag", KINDS)
def test_every_kind_is_described_with_its_fields(tag):
    own = [field for field in fields(KINDS[tag]) if field.name not in COMMON]
    expected = {field.name if field.required else f"{field.name}?" for field in own}
    hint = f"{tag}: add it with its fields to the block of `## Kinds` in {DOCUMENT}"
    assert described().get(tag) == expected, hint


def test_no_other_kind_is_described():
    gone = sorted(described().keys() - KINDS.keys())
    assert not gone, f"{gone}: no such kind, but {DOCUMENT} has it"
