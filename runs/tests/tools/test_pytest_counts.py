"""What a run of pytest counts and how it ends, in projects of every kind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runs.tests.tools.recorder import Recorder
from runs.tools.base import Outcome, Status
from runs.tools.pytest import PLUGIN, Progress
from runs.tools.pytest_outcome import PytestCall, outcome

THREE = "def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n"
OK, FAULTS, ERROR = Status.SUCCESS, Status.COMPLETED_WITH_ERRORS, Status.ERROR

# As pytest-rerunfailures does it: each try is a test of its own that ends, the last one counts.
RERUN = """
import pytest
from _pytest.runner import runtestprotocol
def pytest_runtest_protocol(item, nextitem):
    for last in (False, True):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            if report.failed and not last:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
"""
FLAKY = "tries = []\ndef test_a(): tries.append(1); assert len(tries) > 1\ndef test_b(): pass\n"
EXITS = "import os, pytest\ndef test_a(): pass\ndef test_b(): {}\ndef test_c(): pass\n"
BROKEN = "import missing_module\n"


def run(root: Path, files: dict[str, str], *args: str) -> Outcome:
    """The outcome of pytest on these files; `pytest.ini` is empty unless it is among them."""
    for name, text in {"pytest.ini": "[pytest]\n", **files}.items():
        (root / name).write_text(text)
    reader, writer = os.pipe()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "crewops_progress", "-p", "no:cacheprovider", *args],
        cwd=root,
        env={
            **{"PYTHONPATH": str(PLUGIN), "CREWOPS_NOTES_FD": str(writer), "PATH": os.defpath},
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        pass_fds=[writer],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    os.close(writer)
    progress = Progress(Recorder())
    with open(reader) as notes:
        for line in notes:
            progress.note(line.rstrip("\n"))
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return outcome(code, progress.counts, PytestCall(args, done.stdout, str(root)))


@pytest.mark.parametrize(
    ("files", "args", "expected"),
    [
        pytest.param(
            {"test_it.py": EXITS.format("os._exit(0)")},
            [],
            Outcome(ERROR, 0, "pytest ended after 1 of 3 tests."),
            id="os._exit(0)",
        ),
        pytest.param(
            {"test_it.py": EXITS.format("os._exit(1)")},
            [],
            Outcome(ERROR, 1, "pytest ended after 1 of 3 tests."),
            id="os._exit(1)",
        ),
        pytest.param(
            {"test_it.py": EXITS.format("pytest.exit('enough', returncode=0)")},
            [],
            Outcome(ERROR, 0, "pytest ended after 1 of 3 tests."),
            id="pytest.exit",
        ),
        pytest.param(
            {"test_it.py": EXITS.format("os.kill(os.getpid(), 11)")},
            [],
            Outcome(ERROR, 139, "pytest was ended by SIGSEGV after 1 of 3 tests."),
            id="a crash",
        ),
        pytest.param(
            {"test_it.py": EXITS.format("raise KeyboardInterrupt")},
            [],
            Outcome(ERROR, 2, "pytest was interrupted after 1 of 3 tests."),
            id="an interrupt",
        ),
        pytest.param(
            {"test_it.py": THREE, "conftest.py": "raise SystemExit(0)\n"},
            [],
            Outcome(
                ERROR,
                0,
                "pytest ended before it collected any test. A conftest.py or a plugin may end it "
                "or may not be importable; the output says which.",
            ),
            id="SystemExit in conftest.py",
        ),
        pytest.param(
            {"test_it.py": "import sys; sys.exit(0)\n"},
            [],
            Outcome(
                ERROR,
                3,
                "A test file or conftest.py ended pytest (SystemExit). The output says where.",
            ),
            id="SystemExit in a test file",
        ),
        pytest.param(
            {
                "test_it.py": "def test_a(): assert False\n" + THREE.replace("test_a", "test_d"),
                "conftest.py": "import os\ndef pytest_sessionfinish(session): os._exit(0)\n",
            },
            [],
            Outcome(FAULTS, 0, "1 of 4 tests failed."),
            id="a failure that the exit code hides",
        ),
        pytest.param(
            {"test_it.py": THREE},
            ["--collect-only"],
            Outcome(OK, 0, "3 tests collected. None was run, as an option asks."),
            id="--collect-only",
        ),
        pytest.param(
            {"test_it.py": THREE},
            ["--version"],
            Outcome(OK, 0, "No test was run, as an option asks."),
            id="--version",
        ),
        pytest.param(
            {"test_it.py": THREE},
            ["--markers"],
            Outcome(OK, 0, "No test was run, as an option asks."),
            id="--markers",
        ),
    ],
)
def test_success_means_that_all_tests_were_run(tmp_path, files, args, expected):
    assert run(tmp_path, files, *args) == expected


@pytest.mark.parametrize(
    ("files", "args", "expected"),
    [
        pytest.param(
            {
                "test_it.py": THREE + "def test_d(): assert 0\n",
                "pytest.ini": "[pytest]\naddopts = -n2 -p xdist.plugin\n",
            },
            [],
            Outcome(FAULTS, 1, "1 of 4 tests failed."),
            id="pytest-xdist of the project's configuration",
        ),
        pytest.param(
            {"test_it.py": EXITS.format("os._exit(0)")},
            ["-p", "xdist.plugin", "-n2"],
            Outcome(FAULTS, 1, "1 of 3 tests failed."),
            id="a worker of pytest-xdist that ends",
        ),
        pytest.param(
            {"test_it.py": FLAKY, "conftest.py": RERUN},
            [],
            Outcome(OK, 0, "2 of 2 tests done."),
            id="tests that are run again",
        ),
        pytest.param(
            {"test_it.py": "def test_a(): pass\ndef test_b(): pass\n", "test_no.py": BROKEN},
            ["--continue-on-collection-errors"],
            Outcome(
                FAULTS, 1, "2 of 2 tests done, none failed. test_no.py could not be collected."
            ),
            id="a file that cannot be collected",
        ),
        pytest.param(
            {"test_it.py": THREE, "test_no.py": BROKEN, "test_nor.py": BROKEN},
            [],
            Outcome(ERROR, 2, "2 files could not be collected. The first is test_no.py."),
            id="files that keep the others from being run",
        ),
        pytest.param(
            {"test_it.py": THREE},
            ["-k", "nothing"],
            Outcome(
                ERROR,
                5,
                "None of 3 tests was selected: look at args (-k, -m) and at the project's "
                "configuration of pytest.",
            ),
            id="nothing selected",
        ),
        pytest.param(
            {"test_it.py": ""},
            [],
            Outcome(ERROR, 5, "No tests were found: look at path and args."),
            id="nothing there",
        ),
    ],
)
def test_counts(tmp_path, files, args, expected):
    assert run(tmp_path, files, *args) == expected
