"""The list of guards is true of the code, and what is said of a guard is true of its tests."""

import ast
import re
from pathlib import Path

import pytest

from tests.guards.__main__ import PROJECT
from tests.guards.guard import Edit, Guard, Misplaced
from tests.guards.guards import GUARDS
from tests.guards.trial import KILLED, NO_VERDICT, SURVIVED, Tree

CODE = "LIMIT = 3\n\n\ndef allows(n):\n    return n <= LIMIT\n"
TESTS = "from code_under_test import allows\n\n\ndef test_it():\n    assert not allows(4)\n"


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


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "code_under_test.py").write_text(CODE)
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:django -p no:cacheprovider\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "without", "seen"),
    [
        ("n <= LIMIT", "True", KILLED),
        ("n <= LIMIT", "n < LIMIT", SURVIVED),
        ("LIMIT = 3\n", "LIMIT = missing\n", NO_VERDICT),
        ("n <= limit", "True", NO_VERDICT),
    ],
    ids=["a guard", "none", "no module any more", "gone"],
)
def test_what_is_said_of_it(tree, text, without, seen):
    guard = Guard("limit", (Edit("code_under_test.py", text, without),), ("test_it.py",))
    assert Tree(tree).verdict(guard)[0] == seen
    assert (tree / "code_under_test.py").read_text() == CODE


def test_a_text_that_stands_twice_is_refused(tree):
    with pytest.raises(Misplaced, match="stands 2 times"):
        Edit("code_under_test.py", "LIMIT").applied_to(tree)
