"""The share of a limit from which a warning is sent is the same wherever it is written."""

import re
from decimal import Decimal

import pytest
from django.conf import settings

from runs.execution.budget_use import level_of
from runs.models.budget_alert import WARNED_FROM, WARNED_FROM_TEXT

WRITTEN_OUT = "runs/events/kinds.py"  # a docstring: docs/protocol.md and the schema are made of it


def test_the_text_says_the_share():
    assert WARNED_FROM_TEXT == "80 %"
    limit = Decimal(50)
    assert level_of(limit * WARNED_FROM, limit) == "warning"
    assert level_of(limit * WARNED_FROM - Decimal("0.01"), limit) == ""


@pytest.mark.parametrize(
    "path", [WRITTEN_OUT, "docs/budgets.md", "docs/notifications.md", "docs/protocol.md"]
)
def test_what_writes_it_out_agrees(path):
    lines = (settings.BASE_DIR / path).read_text().splitlines()
    about = [line for line in lines if re.search("budget|limit", line)]
    assert {share for line in about for share in re.findall(r"\d+ %", line)} == {WARNED_FROM_TEXT}


def test_the_code_writes_it_out_nowhere_else():
    found = set()
    for part in ("crewops", "crews", "runs", "realtime", "templates"):
        for path in (settings.BASE_DIR / part).rglob("*"):
            is_product = not {"tests", "migrations"} & {*path.parts}
            if is_product and path.suffix in (".py", ".html") and "80 %" in path.read_text():
                found.add(str(path.relative_to(settings.BASE_DIR)))
    assert found == {WRITTEN_OUT}
