"""Tests of a copy of the checkout with one guard gone, and what their end means."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import cache_from_source
from pathlib import Path
from shutil import copy2, rmtree
from xml.etree import ElementTree

from coverage import CoverageData

from tests.guards import alone

PROJECT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("crewops", "crews", "runs", "realtime")
TEST_S = 60.0  # for one test
TRIAL_S = 300.0  # for all tests of a guard
CONTROL_S = 3600.0
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
INSTALLED = (".venv", "node_modules")  # linked to, as nothing changes there
TIMEOUT = "from pytest-timeout"


class Outcome(StrEnum):
    """The outcome of the tests without the guard. Only a failed test is a kill."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    TIMED_OUT = "TIMED OUT"  # proves nothing: tests also hang on a slow machine
    NO_VERDICT = "NO VERDICT"  # nothing failed, but the tests did not run to their end either


@dataclass(frozen=True, slots=True)
class Guard:
    """``files``: by path, the source without the guard. Of ``tests``, those run first that execute
    one of ``lines`` of the first file."""

    name: str
    files: dict[str, str]
    tests: tuple[str, ...]
    lines: range = range(0)


@dataclass(frozen=True, slots=True)
class Ran:
    """How each test ended, as pytest names it; what pytest said; whether all ended in time."""

    ends: dict[str, str]
    said: str
    in_time: bool

    @property
    def outcome(self) -> Outcome:
        ends = set(self.ends.values())
        if "failed" in ends:
            return Outcome.KILLED
        if "timed out" in ends or not self.in_time:
            return Outcome.TIMED_OUT
        if "broken" in ends or "passed" not in ends:
            return Outcome.NO_VERDICT
        return Outcome.SURVIVED


class Tree:
    """A copy of the checkout, for one run of tests at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._starting = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._interrupted = False

    def control(self, tests: Sequence[str]) -> tuple[Ran, dict[tuple[str, int], set[str]]]:
        """Run ``tests`` with all guards. Returns also which of them run each line of a file."""
        packages = [f"--cov={name}" for name in PACKAGES]
        ran = self._run(tests, CONTROL_S, *packages, "--cov-context=test", "--cov-report=")
        found = CoverageData(str(self.path / ".coverage"))
        found.read()
        return ran, {
            (str(Path(file).relative_to(self.path)), line): {
                context.partition("|")[0] for context in contexts
            }
            - {""}
            for file in found.measured_files()
            for line, contexts in found.contexts_by_lineno(file).items()
        }

    def trial(self, guard: Guard, shares: Sequence[Sequence[str]]) -> Ran:
        """Run the tests without the guard, share by share, until one fails."""
        before = {file: (self.path / file).read_text() for file in guard.files}
        try:
            for file, source in guard.files.items():
                _write(self.path / file, source)
            for share in filter(None, shares):
                ran = self._run(share, TRIAL_S, "-x")
                if ran.outcome != Outcome.SURVIVED:
                    break
            return ran
        finally:
            for file, source in before.items():
                _write(self.path / file, source)

    def interrupt(self) -> None:
        """End the tests, with all that they have started, and begin no others."""
        with self._starting:
            self._interrupted = True
        if self._running and self._running.stdin:
            self._running.stdin.close()

    def _run(self, tests: Sequence[str], within_s: float, *options: str) -> Ran:
        report = self.path / "guards-report.xml"
        report.unlink(missing_ok=True)
        rmtree(self.path.parent / "t", ignore_errors=True)  # else it counts for the first test
        listed = self.path / "guards-tests.txt"
        listed.write_text("".join(f"{test}\n" for test in tests))
        command = [sys.executable, alone.__file__, str(within_s), sys.executable, "-m", "pytest"]
        command += ["-q", "--no-header", f"--timeout={TEST_S}", f"--junitxml={report}", *options]
        # Short, as the path of a socket holds 108 bytes.
        command += ["--override-ini=junit_family=xunit1", f"--basetemp={self.path.parent / 't'}"]
        with self._starting:
            if self._interrupted:
                raise KeyboardInterrupt
            self._running = subprocess.Popen(
                [*command, f"@{listed}"],
                cwd=self.path,
                env=os.environ | {"TMPDIR": str(self.path.parent)},
                **PIPES,
                start_new_session=True,  # so that Ctrl-C reaches it through `interrupt` alone
            )
        with self._running as process:
            said = process.stdout.read().decode(errors="replace")
        return Ran(_ends(report), said, process.returncode != alone.TIME_IS_UP)


@contextmanager
def copied(project: Path) -> Iterator[Tree]:
    """A copy of the files of ``project`` that git knows or would add, with what is installed."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=project, check=True, capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory(prefix="guards-", ignore_cleanup_errors=True) as directory:
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


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    # Python distinguishes versions of a file by size and second, which two of ours may share.
    Path(cache_from_source(str(path))).unlink(missing_ok=True)


def _ends(report: Path) -> dict[str, str]:
    """A test that failed and then did not clean up either is reported twice: the worse counts."""
    worst = ["passed", "skipped", "broken", "timed out", "failed"]
    ends: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():
        file = case.get("file", "")
        scope = case.get("classname", "").removeprefix(file.removesuffix(".py").replace("/", "."))
        name = "::".join([file, *filter(None, scope.split(".")), case.get("name", "")])
        end = _end(case)
        ends[name] = max(ends.get(name, end), end, key=worst.index)
    return ends


def _end(case: ElementTree.Element) -> str:
    if (failure := case.find("failure")) is not None:
        return "timed out" if TIMEOUT in failure.get("message", "") else "failed"
    if case.find("error") is not None:
        return "broken"
    return "skipped" if case.find("skipped") is not None else "passed"
