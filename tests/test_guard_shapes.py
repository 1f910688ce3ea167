"""``make guards`` finds the guards of a source, and removes one at a time and nothing else."""

import ast

import pytest

from tests.guards import guarded
from tests.guards.shapes import removals
from tests.guards.trial import PROJECT, Outcome, Ran

SOURCE = """\
@login_required
def page(request):
    return Run.objects.visible_to(request.user).filter(crew=crew)


def has_view_permission(self, request):
    return is_staff(request)


def check(value, limit):
    if not value or value > limit:
        raise ValueError
    if value == 3:
        return
    forget(value)
    return redact(value)
"""


@pytest.mark.parametrize(
    ("functions", "removed"),
    [
        ("", ["-@login_required", "unscoped().filter(crew=crew)", "return True", "return value"]),
        ("check", ["if False or value > limit:", "if not value or False:", "if False:"]),
        ("check~forget", ["pass"]),
        ("page~filter", ["return Run.objects.visible_to(request.user).filter()"]),
    ],
)
def test_removes_one_guard_at_a_time(functions, removed):
    everywhere = [] if not functions else [found.source for found in removals(SOURCE)]
    found = [each for each in removals(SOURCE, functions) if each.source not in everywhere]
    assert len(found) == len(removed)
    for each, text in zip(found, removed, strict=True):
        ast.parse(each.source)
        before, after = set(SOURCE.splitlines()), set(each.source.splitlines())
        assert len(before - after) == 1
        assert text.startswith("-") or any(text in line for line in after - before)


def test_a_listed_file_that_is_gone_is_reported(tmp_path, monkeypatch):
    """Otherwise `make guards` would succeed without trying the guards of a file that has moved."""
    monkeypatch.setattr(guarded, "FUNCTIONS", {"crews/moved.py": "visible"})
    monkeypatch.setattr(guarded, "BY_HAND", (("keys", "crews/moved.py", "a", "b"),))
    found = list(guarded.guards(tmp_path))
    assert [guard.name for guard in found] == [
        "crews/moved.py: the file is gone",
        "keys: crews/moved.py is gone",
    ]
    assert not any(guard.tests or guard.files for guard in found)  # so their outcome is NO VERDICT


@pytest.mark.parametrize(
    ("ends", "in_time", "outcome"),
    [
        ({"a": "passed", "b": "failed"}, True, Outcome.KILLED),
        ({"a": "passed", "b": "skipped"}, True, Outcome.SURVIVED),
        ({"a": "passed", "b": "timed out"}, True, Outcome.TIMED_OUT),
        ({"a": "passed"}, False, Outcome.TIMED_OUT),
        ({"a": "passed", "b": "broken"}, True, Outcome.NO_VERDICT),
        ({"a": "skipped"}, True, Outcome.NO_VERDICT),
        ({}, True, Outcome.NO_VERDICT),
    ],
)
def test_only_a_test_that_fails_is_a_kill(ends, in_time, outcome):
    assert Ran(ends, "", in_time).outcome == outcome


def test_every_guard_stands_in_its_file_and_has_tests():
    """Otherwise it is not tried: code was moved or renamed, and `tests/guards/guarded.py` was not."""
    found = list(guarded.guards(PROJECT))
    assert [guard.name for guard in found if not (guard.files and guard.tests)] == []
    assert len({guard.name for guard in found}) == len(found) > 500
