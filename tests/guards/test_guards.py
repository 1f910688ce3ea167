"""The list of guards is true of the code."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

import pytest

from tests.guards.guard import PROJECT, Edit, Misplaced
from tests.guards.guards import GUARDS


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_stands_where_the_list_says_and_leaves_code_when_it_is_gone(guard):
    for edit in guard.edits:
        without = edit.applied_to(PROJECT)
        if edit.file.endswith(".py"):
            ast.parse(without)


def collected(tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *tests]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)


def test_has_tests_that_there_are():
    assert all(guard.tests for guard in GUARDS)
    named = {test for guard in GUARDS for test in guard.tests}
    found = collected(named)
    assert found.returncode == 0, found.stdout[-2000:]


def test_each_has_a_name_of_its_own():
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)


def test_a_text_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "code.py").write_text("LIMIT = 3\nLIMIT = 3\n")
    with pytest.raises(Misplaced, match="stands 2 times"):
        Edit("code.py", "LIMIT").applied_to(tmp_path)


SCOPES = {"visible_to", "operable_by", "managed_by", "readable_by"}
DECORATORS = {"login_required", "require_POST"}
PERMISSION = re.compile(r"has_\w+_permission")


def questions(source: str) -> Iterator[tuple[int, int]]:
    """First and last lines of where code asks what somebody may see or do."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name) | ast.Constant(value=name) if name in SCOPES:
                yield node.lineno, node.end_lineno
            case ast.FunctionDef(name=name) if PERMISSION.fullmatch(name):
                yield node.lineno, node.end_lineno
            case ast.FunctionDef(decorator_list=decorators):
                for decorator in decorators:
                    if isinstance(decorator, ast.Name) and decorator.id in DECORATORS:
                        yield decorator.lineno, decorator.end_lineno


def guarded(file: str, source: str) -> list[range]:
    """The lines of each guard in ``file``."""
    texts = {edit.text for guard in GUARDS for edit in guard.edits if edit.file == file}
    starts = [(text, source.count("\n", 0, source.index(text)) + 1) for text in texts]
    return [range(start, start + text.rstrip("\n").count("\n") + 1) for text, start in starts]


def missing(file: str) -> list[str]:
    source = (PROJECT / file).read_text()
    guards = guarded(file, source)
    return [
        f"{file}:{first} {source.splitlines()[first - 1].strip()}"
        for first, last in questions(source)
        if not any(first <= line <= last for guard in guards for line in guard)
    ]


def test_every_question_of_access_is_in_the_list(monkeypatch):
    files = [
        path.relative_to(PROJECT)
        for app in ("crewops", "crews", "runs", "realtime")
        for path in (PROJECT / app).rglob("*.py")
    ]
    code = [str(path) for path in files if not {"tests", "migrations"} & set(path.parts)]
    assert [question for file in code for question in missing(file)] == []
    monkeypatch.setattr(f"{__name__}.GUARDS", ())  # the control: what is in no list is found
    unlisted = {question.partition(":")[0] for file in code for question in missing(file)}
    assert {"runs/views.py", "crews/admin/scoped.py", "realtime/views.py"} <= unlisted
