"""Running tests in a copy of the checkout, and what their end means."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copy2
from xml.etree import ElementTree

from tests.guards.guard import Guard, Misplaced

TEST_S = 60  # one that takes longer has turned red
INSTALLED = (".venv", "node_modules")  # linked to, as nothing changes there

KILLED = "killed"
SURVIVED = "SURVIVED"
NO_VERDICT = "NO VERDICT"  # nothing turned red, but the tests did not run to their end either


class Interrupted(Exception):
    """The tests were told to end."""


class Tree:
    """A copy of the checkout, for one run of tests at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._running: subprocess.Popen[str] | None = None
        self._interrupted = False

    def failing(self, tests: Sequence[str], *, stop: bool) -> tuple[int, int, str]:
        """How many of ``tests`` fail, how many break down instead (no import, no fixture), and
        what pytest says. ``stop``: the first is enough.
        """
        if self._interrupted:
            raise Interrupted
        report = self.path / "guards-report.xml"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", f"--timeout={TEST_S}"]
        command += [f"--junitxml={report}", *(["-x"] if stop else []), *tests]
        self._running = subprocess.Popen(
            command,
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that only `interrupt` ends it, which lets it clean up
        )
        said, _ = self._running.communicate()
        if self._interrupted:
            raise Interrupted
        if not report.exists():
            return 0, 1, said
        suite = ElementTree.parse(report).getroot().find("testsuite")
        assert suite is not None
        failures, errors = int(suite.get("failures", 0)), int(suite.get("errors", 0))
        return failures, errors or int(self._running.returncode > 1), said

    def verdict(self, guard: Guard) -> tuple[str, str]:
        """What became of the tests without the guard, and what there is to say about it."""
        try:
            with guard.removed_from(self.path):
                failures, errors, said = self.failing(guard.tests, stop=True)
        except Misplaced as error:
            return NO_VERDICT, str(error)
        if failures:
            return KILLED, ""
        return (NO_VERDICT, said) if errors else (SURVIVED, "")

    def interrupt(self) -> None:
        """End the tests as Ctrl-C does: their servers end with them."""
        self._interrupted = True
        if self._running and self._running.poll() is None:
            self._running.send_signal(signal.SIGINT)
            self._running.wait()


@contextmanager
def copied(project: Path) -> Iterator[Tree]:
    """A copy of the files of ``project`` that git knows or would add, with what is installed."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=project, check=True, capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory(prefix="crewops-guards-") as directory:
        tree = Tree(Path(directory))
        for name in filter(None, names.split("\0")):
            if (source := project / name).is_file():
                (tree.path / name).parent.mkdir(parents=True, exist_ok=True)
                copy2(source, tree.path / name)
        for name in INSTALLED:
            if (project / name).exists():
                (tree.path / name).symlink_to(project / name)
        try:
            yield tree
        finally:
            tree.interrupt()
