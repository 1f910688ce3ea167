"""What the exit code, the counts and the output of pytest mean."""

import pytest

from runs.tools.base import Outcome, Status
from runs.tools.pytest_outcome import Counts, PytestCall, outcome

OK, FAULTS, ERROR = Status.SUCCESS, Status.COMPLETED_WITH_ERRORS, Status.ERROR
ENDED = {"total": 3, "done": 3, "ended": True}


@pytest.mark.parametrize(
    ("code", "counts", "status", "message"),
    [
        (0, ENDED, OK, "3 of 3 tests done."),
        (0, {"total": 3, "done": 3}, ERROR, "pytest ended after 3 of 3 tests."),
        (0, ENDED | {"done": 0}, ERROR, "pytest ended after 0 of 3 tests."),
        (
            1,
            ENDED,
            FAULTS,
            "3 of 3 tests done, none failed, but pytest ended with exit code 1: the end of its "
            "output says why.",
        ),
        (2, ENDED | {"failed": 1, "done": 2}, FAULTS, "1 of 3 tests failed. 2 were run."),
        (
            1,
            ENDED | {"failed": 1, "uncollected": 1, "first_uncollected": "test_x.py"},
            FAULTS,
            "1 of 3 tests failed. test_x.py could not be collected.",
        ),
        (6, ENDED, FAULTS, "3 of 3 tests done, none failed, but there were more warnings than --max-warnings allows."),
        (7, ENDED, ERROR, "pytest ended with exit code 7 after 3 of 3 tests."),
        (1, {"ended": True, "uncollected": 1, "first_uncollected": "test_x.py"}, ERROR, "test_x.py could not be collected."),
        (137, {"total": 3, "done": 1, "failed": 1}, ERROR, "pytest was ended by SIGKILL after 1 of 3 tests. 1 failed."),
    ],
)  # fmt: skip
def test_what_the_exit_code_means(code, counts, status, message):
    assert outcome(code, Counts(**counts), PytestCall([])) == Outcome(status, code, message)


USAGE = (
    "ERROR: usage: python -m pytest [options] [file_or_dir] [file_or_dir] [...]\n"
    "python -m pytest: error: unrecognized arguments: {}\n"
    "  inifile: /w/repo/pytest.ini\n  rootdir: /w/repo\n\n"
)
STEP = "Look at path and args."
PROJECT = "Look at the project's configuration of pytest"
PLUGIN_MISSING = "A plugin that it needs may not be installed for the tools' Python."


@pytest.mark.parametrize(
    ("output", "arguments", "message"),
    [
        (USAGE.format("--cov=x"), ["--cov=x"], f"unrecognized arguments: --cov=x. {STEP}"),
        (
            USAGE.format("--cov=x"),
            ["-q"],
            f"unrecognized arguments: --cov=x. {PROJECT} (repo/pytest.ini). {PLUGIN_MISSING}",
        ),
        (
            "ERROR: Missing required plugins: pytest-quick, pytest-more>=3\n\n",
            ["-q"],
            "Missing required plugins: pytest-quick, pytest-more>=3. "
            f"{PROJECT}. {PLUGIN_MISSING}",
        ),
        (
            "ERROR: Error importing plugin \"nope\": No module named 'nope'\n",
            [],
            f"Error importing plugin \"nope\": No module named 'nope'. {PROJECT}. {PLUGIN_MISSING}",
        ),
        (
            "ERROR: file or directory not found: missing.py\n",
            ["missing.py"],
            f"file or directory not found: missing.py. {STEP}",
        ),
        (
            "ERROR: not found: /w/repo/test_a.py::test_x\n(no match in any of [<Module a.py>])\n",
            ["test_a.py::test_x"],
            f"not found: repo/test_a.py::test_x. {STEP}",
        ),
        (
            "ERROR: usage: pytest\npytest: error: argument -n/--numprocesses: invalid value: 'x'\n",
            ["-nx"],
            f"argument -n/--numprocesses: invalid value: 'x'. {STEP}",
        ),
        (
            "ERROR: /w/repo/pytest.ini:1: unexpected value continuation\n",
            ["-q"],
            f"repo/pytest.ini:1: unexpected value continuation. {PROJECT}.",
        ),
        (
            "ImportError while loading conftest '/w/repo/conftest.py'.\nE   No module named 'x'\n",
            [],
            "ImportError while loading conftest 'repo/conftest.py'. The output says why.",
        ),
    ],
)  # fmt: skip
def test_says_whether_the_step_or_the_project_is_to_be_looked_at(output, arguments, message):
    found = outcome(4, None, PytestCall(arguments, output, "/w"))
    assert found == Outcome(ERROR, 4, f"pytest could not start: {message}")
