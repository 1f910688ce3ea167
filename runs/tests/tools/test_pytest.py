"""The pytest tool against real suites."""

import json
from pathlib import Path

import pytest

from runs import tools
from runs.tests.tools.recorder import Recorder
from runs.tools import Outcome, Status
from runs.tools.pytest import Progress

PASSING = (
    "import pytest\n@pytest.mark.parametrize('n', range(10))\ndef test_one(n): assert n >= 0\n"
)


def suite(workspace: Path, code: str, name: str = "test_it.py") -> None:
    (workspace / name).write_text(code)
    # The suite of this project must not be taken for the root of that one.
    (workspace / "pytest.ini").write_text("[pytest]\n")


def run(workspace: Path, emitter: Recorder, **params) -> Outcome:
    tool = tools.get("pytest")
    return tool.run(tool.clean(params), workspace, emitter)


def test_all_pass(workspace, emitter):
    suite(workspace, PASSING)
    assert run(workspace, emitter) == Outcome(Status.SUCCESS, 0, "10 of 10 tests done.")
    assert emitter.values == pytest.approx([n / 10 for n in range(11)])
    assert emitter.messages[5] == "5 of 10 tests done"
    assert "10 passed" in emitter.output
    assert "total 10" not in emitter.output


FAILING = """
@pytest.fixture
def broken():
    yield
    raise OSError
def test_other(broken): assert False
def test_last(broken): pass
"""


def test_failed_tests_are_completed_with_errors(workspace, emitter):
    suite(workspace, PASSING + FAILING)
    outcome = Outcome(Status.COMPLETED_WITH_ERRORS, 1, "2 of 12 tests failed.")
    assert run(workspace, emitter) == outcome
    assert "11 of 12 tests done, 1 failed" in emitter.messages


def test_says_how_many_were_run_where_the_first_failure_ends_it(workspace, emitter):
    suite(workspace, "def test_a(): assert False\n" + PASSING)
    message = run(workspace, emitter, args=["-x"]).message
    assert message == "1 of 11 tests failed. 1 was run."


def test_a_run_that_was_cut_off_is_an_error_whatever_its_exit_code_says(workspace, emitter):
    suite(workspace, "import os\ndef test_a(): pass\ndef test_b(): os._exit(0)\n" + PASSING)
    outcome = Outcome(Status.ERROR, 0, "pytest ended after 1 of 12 tests.")
    assert run(workspace, emitter) == outcome


def test_an_argument_that_pytest_does_not_know(workspace, emitter):
    suite(workspace, PASSING)
    outcome = run(workspace, emitter, args=["--no-such-option"])
    assert outcome == Outcome(
        Status.ERROR,
        4,
        "pytest could not start: unrecognized arguments: --no-such-option. Look at path and args.",
    )


def test_path_and_args(workspace, emitter):
    suite(workspace, PASSING)
    suite(workspace, "def test_b(): pass\ndef test_c(): pass\n", "test_other.py")
    outcome = run(workspace, emitter, path="test_other.py", args=["-k", "test_b"])
    assert outcome == Outcome(Status.SUCCESS, 0, "1 of 1 tests done.")


@pytest.mark.parametrize("path", ["/etc", "../x", "a/../../x", "-x", ""])
def test_refuses_a_path_outside_the_workspace(path):
    faults = tools._faults({"tool": "pytest", "params": {"path": path}}, is_stored=False)
    assert len(faults) == 1
    assert faults[0].startswith(" (pytest): path: ")


def test_a_suite_that_runs_pytest_itself_counts_once(workspace, emitter):
    suite(
        workspace,
        "import subprocess, sys\n"
        "def test_inner(tmp_path):\n"
        "    (tmp_path / 'test_x.py').write_text('def test_x(): pass\\n' * 1)\n"
        "    subprocess.run([sys.executable, '-m', 'pytest', tmp_path], check=True)\n",
    )
    assert run(workspace, emitter).message == "1 of 1 tests done."


def test_output_arrives_while_tests_are_going_on(workspace):
    go_on = workspace / "go-on"
    emitter = Recorder(on_output=lambda text: "test session starts" in text and go_on.touch())
    suite(
        workspace,
        "import os, time\ndef test_wait():\n    while not os.path.exists('go-on'): time.sleep(0.01)\n",
    )
    assert run(workspace, emitter).status == Status.SUCCESS


NOTE = {
    **{"total": 4, "done": 1, "failed": 0, "uncollected": 0, "first_uncollected": ""},
    **{"deselected": 0, "prints": False, "ended": False},
}


def test_a_note_is_progress_that_never_goes_back(emitter):
    progress = Progress(emitter)
    for total in (4, 8):
        progress.note(json.dumps(NOTE | {"total": total}))
    assert emitter.values == [0.25, 0.25]
    assert emitter.messages == ["1 of 4 tests done", "1 of 8 tests done"]


@pytest.mark.parametrize(
    "line",
    [
        *("", "{", "[" * 5000, "total 4", "[4]", "{}", json.dumps(NOTE | {"more": 1})),
        *(json.dumps(NOTE | {"total": value}) for value in (-1, 10**9, "4", True, 4.0, None)),
        *(json.dumps(NOTE | {"ended": value}) for value in (0, "yes")),
    ],
)
def test_a_line_that_is_not_the_plugins_is_ignored(emitter, line):
    progress = Progress(emitter)
    progress.note(line)
    assert (progress.counts, emitter.values) == (None, [])
