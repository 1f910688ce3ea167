"""Running tests in a copy of the checkout, and what their end means."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from shutil import copy2
from xml.etree import ElementTree

from tests.guards import alone
from tests.guards.guard import Guard, Misplaced

TEST_S = 60.0  # for one test
TRIAL_S = 150.0  # for all tests of a guard
INSTALLED = (".venv", "node_modules")  # linked to, as nothing changes there
TIMEOUT = "from pytest-timeout"


class Outcome(StrEnum):
    """What became of a guard's tests without it."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    # No kill: a test that hangs does so on a slow machine, too, and says nothing of what is wrong.
    TIMED_OUT = "TIMED OUT"
    NO_VERDICT = "NO VERDICT"  # nothing turned red, but the tests did not run to their end either


class End(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    SKIPPED = "skipped"
    BROKEN = "broken"  # no import, no fixture
    TIMED_OUT = "timed out"
    FAILED = "failed"


class Interrupted(Exception):
    """The tests were told to end."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How each test ended, as pytest names it; what pytest said; whether all ended in time."""

    ends: dict[str, End]
    said: str
    in_time: bool

    @property
    def outcome(self) -> Outcome:
        ends = set(self.ends.values())
        if End.FAILED in ends:
            return Outcome.KILLED
        if End.TIMED_OUT in ends or not self.in_time:
            return Outcome.TIMED_OUT
        if End.BROKEN in ends or End.PASSED not in ends:
            return Outcome.NO_VERDICT
        return Outcome.SURVIVED

    def passed(self, test: str) -> bool:
        """Whether ``test``, a function or one of its cases, ran and nothing of it failed."""
        begins = (f"{test}[", f"{test}::")
        own = {end for name, end in self.ends.items() if f"{name}[".startswith(begins)}
        return End.PASSED in own and own <= {End.PASSED, End.SKIPPED}


class Tree:
    """A copy of the checkout, for one run of tests at a time."""

    def __init__(self, path: Path, *, test_s: float = TEST_S, trial_s: float = TRIAL_S) -> None:
        self.path = path
        self._test_s, self._trial_s = test_s, trial_s
        self._starting = threading.Lock()
        self._running: subprocess.Popen[str] | None = None
        self._interrupted = False

    def run(self, tests: Sequence[str], *, within_s: float, stop: bool = False) -> Ran:
        """Run ``tests``; with ``stop`` up to the first that fails. Raises ``Interrupted``."""
        report = self.path / "guards-report.xml"
        report.unlink(missing_ok=True)
        command = [sys.executable, alone.__file__, str(within_s), sys.executable, "-m", "pytest"]
        command += ["-q", "--no-header", f"--timeout={self._test_s}", f"--junitxml={report}"]
        # Short, as the path of a socket holds 108 bytes.
        command += ["--override-ini=junit_family=xunit1", f"--basetemp={self.path.parent / 't'}"]
        command += [*(["-x"] if stop else []), *tests]
        with self._starting:
            if self._interrupted:
                raise Interrupted
            self._running = subprocess.Popen(
                command,
                cwd=self.path,
                env=os.environ | {"TMPDIR": str(self.path.parent)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # so that Ctrl-C reaches it through `interrupt` alone
            )
        with self._running as process:
            assert process.stdout is not None
            said = process.stdout.read()
        if self._interrupted:
            raise Interrupted
        return Ran(_ends(report), said, process.returncode != alone.TIME_IS_UP)

    def verdict(self, guard: Guard) -> tuple[Outcome, str]:
        """What became of the tests without the guard, and what there is to say about it."""
        try:
            with guard.removed_from(self.path):
                ran = self.run(guard.tests, within_s=self._trial_s, stop=True)
        except Misplaced as error:
            return Outcome.NO_VERDICT, str(error)
        outcome = ran.outcome
        return outcome, ran.said if outcome in (Outcome.NO_VERDICT, Outcome.TIMED_OUT) else ""

    def interrupt(self) -> None:
        """End the tests, with all that they have started, and begin no others."""
        with self._starting:
            self._interrupted = True
        if self._running and self._running.stdin:
            self._running.stdin.close()


@contextmanager
def copied(project: Path) -> Iterator[Tree]:
    """A copy of the files of ``project`` that git knows or would add, with what is installed."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=project, check=True, capture_output=True, text=True).stdout
    prefix = "guards-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)  # tools of another user pass through
        path = Path(directory) / "checkout"
        for name in filter(None, names.split("\0")):
            if (source := project / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                copy2(source, path / name)
        for name in INSTALLED:
            if (project / name).exists():
                (path / name).symlink_to(project / name)
        yield Tree(path)


def _ends(report: Path) -> dict[str, End]:
    ends: dict[str, End] = {}
    worst = list(End)
    for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():
        name, end = _name(case), _end(case)
        # A test that failed and then did not clean up either is told twice.
        ends[name] = max(ends.get(name, end), end, key=worst.index)
    return ends


def _name(case: ElementTree.Element) -> str:
    file, scope = case.get("file", ""), case.get("classname", "")
    module = file.removesuffix(".py").replace("/", ".")
    classes = filter(None, scope.removeprefix(module).split("."))
    return "::".join([file, *classes, case.get("name", "")])


def _end(case: ElementTree.Element) -> End:
    if (failure := case.find("failure")) is not None:
        return End.TIMED_OUT if TIMEOUT in failure.get("message", "") else End.FAILED
    if case.find("error") is not None:
        return End.BROKEN
    return End.SKIPPED if case.find("skipped") is not None else End.PASSED
