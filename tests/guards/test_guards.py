"""The list of guards is true of the code."""

import ast
import re

import pytest

from tests.guards.guard import PROJECT, Edit, Misplaced
from tests.guards.guards import GUARDS


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_stands_where_the_list_says_and_leaves_code_when_it_is_gone(guard):
    for edit in guard.edits:
        without = edit.applied_to(PROJECT)
        if edit.file.endswith(".py"):
            ast.parse(without)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_has_tests_that_there_are(guard):
    assert guard.tests
    for test in guard.tests:
        file, *names = test.partition("[")[0].split("::")
        source = (PROJECT / file).read_text()
        assert all(re.search(rf"(def|class) {name}\b", source) for name in names), test


def test_each_has_a_name_of_its_own():
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)


def test_a_text_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "code.py").write_text("LIMIT = 3\nLIMIT = 3\n")
    with pytest.raises(Misplaced, match="stands 2 times"):
        Edit("code.py", "LIMIT").applied_to(tmp_path)
