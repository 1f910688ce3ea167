"""What is said of a guard is true of its tests, and nothing of a trial stays behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.guards.guard import PROJECT, Edit, Guard
from tests.guards.trial import Outcome, Tree
from tests.live import eventually

CODE = "LIMIT = 3\n\n\ndef allows(n):\n    return n <= LIMIT\n"
TESTS = "from code_under_test import allows\n\n\ndef test_it():\n    assert not allows(4)\n"
# A test that leaves a process with a session of its own, which no signal to a group reaches.
HANGS = """\
import subprocess
import time


def test_it():
    left = subprocess.Popen(["sleep", "300"], start_new_session=True)
    with open("left", "w") as file:
        file.write(f"{left.pid}\\n")
    time.sleep(300)
"""
MAIN = """\
import sys
from pathlib import Path

from tests.guards.__main__ import main
from tests.guards.guard import guard

def limit(name, without):
    return guard(name, "code_under_test.py", "n <= LIMIT", without, "test_it.py")

guards = (limit("proven", "True"), limit("not tested", "n < LIMIT"))
sys.exit(main(sys.argv[1:], listed=guards, project=Path.cwd()))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # loading all takes most of the time
    path = tmp_path / "project"
    path.mkdir()
    (path / "code_under_test.py").write_text(CODE)
    (path / "test_it.py").write_text(TESTS)
    (path / "pytest.ini").write_text("[pytest]\naddopts = -p pytest_timeout -p no:cacheprovider\n")
    return path


@pytest.mark.parametrize(
    ("text", "without", "becomes"),
    [
        ("n <= LIMIT", "True", Outcome.KILLED),
        ("n <= LIMIT", "n < LIMIT", Outcome.SURVIVED),
        ("LIMIT = 3\n", "LIMIT = missing\n", Outcome.NO_VERDICT),
        ("n <= limit", "True", Outcome.NO_VERDICT),
    ],
    ids=["a guard", "none", "no module any more", "gone"],
)
def test_what_becomes_of_it(project, text, without, becomes):
    guard = Guard("limit", (Edit("code_under_test.py", text, without),), ("test_it.py",))
    assert Tree(project).verdict(guard)[0] == becomes
    assert (project / "code_under_test.py").read_text() == CODE


@pytest.mark.parametrize("times", [{"test_s": 0.5}, {"trial_s": 2.0}], ids=["test", "trial"])
def test_what_hangs_is_no_kill_and_leaves_nothing(project, times):
    (project / "test_it.py").write_text(HANGS)
    guard = Guard("limit", (Edit("code_under_test.py", "LIMIT = 3", "LIMIT = 4"),), ("test_it.py",))
    assert Tree(project, **times).verdict(guard)[0] == Outcome.TIMED_OUT
    assert not psutil.pid_exists(int((project / "left").read_text()))


def test_a_test_that_is_skipped_gives_no_verdict(project):
    (project / "test_it.py").write_text(
        "import pytest\n\n\n@pytest.mark.skip\ndef test_it(): ...\n"
    )
    guard = Guard("limit", (Edit("code_under_test.py", "LIMIT = 3", "LIMIT = 4"),), ("test_it.py",))
    assert Tree(project).verdict(guard)[0] == Outcome.NO_VERDICT


@pytest.fixture
def repository(project: Path) -> Path:
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    return project


def start(repository: Path, *words: str) -> subprocess.Popen[str]:
    """``make guards`` over that repository; its copies stand beside it."""
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *words],
        cwd=repository,
        env=os.environ | {"TMPDIR": str(repository.parent), "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_survivors_are_named_and_a_failure_and_without_any_it_is_a_success(repository):
    with start(repository) as running:
        said, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "killed        1\nSURVIVED      1\n           not tested\n" in said
    with start(repository, "proven") as running:
        running.communicate(timeout=60)
    assert running.returncode == 0
    assert list(repository.parent.iterdir()) == [repository]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_and_removes_the_copies(repository, how):
    (repository / "test_it.py").write_text(HANGS)
    with start(repository) as running:
        left = eventually(lambda: [*repository.parent.glob("guards-*/checkout/left")])
        pid = int(eventually(left[0].read_text))
        assert psutil.pid_exists(pid)
        running.send_signal(how)
        said, _ = running.communicate(timeout=30)
    assert running.returncode == 128 + how
    assert "0 of 2 guards" in said
    assert not psutil.pid_exists(pid)
    assert list(repository.parent.iterdir()) == [repository]
