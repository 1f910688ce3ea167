"""A pytest plugin that reports how many tests there are, are done and have failed, and the end.

It runs inside the tool's pytest. Each note is one line of JSON with everything known so far, so a
later note replaces earlier ones. Notes go to the descriptor in CREWOPS_NOTES_FD, never to the
output.
"""

import json
import os

import pytest

# Options that make pytest print something instead of running tests.
ONLY_PRINTS = (
    *("collectonly", "showfixtures", "show_fixtures_per_test", "markers", "help", "version"),
    *("cacheshow", "setuponly", "setupplan"),
)
PHASES = ("setup", "call", "teardown")
NAME_CHARS = 100  # limit for a file name in a note


class Progress:
    """Counts ids, not reports: a test that is repeated, or run by two xdist workers, counts once.

    With pytest-xdist this runs in the controller, which collects nothing and gets all reports.
    """

    def __init__(self, descriptor: int, config: pytest.Config) -> None:
        self._descriptor = descriptor
        self._process = os.getpid()
        self._pipe = _identity(descriptor)
        self._ids: set[str] = set()
        self._done: set[str] = set()
        self._failed: set[str] = set()
        self._uncollected: list[str] = []
        self._deselected = 0
        self._prints = any(config.getoption(name, None) for name in ONLY_PRINTS)
        self._ended = False
        self._note()

    def pytest_collection_finish(self, session):
        self._collected(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids):
        self._collected(ids)

    def pytest_deselected(self, items):
        self._deselected += len(items)

    def pytest_collectreport(self, report):
        file = report.nodeid.partition("::")[0]
        if report.failed and file not in self._uncollected:
            self._uncollected.append(file)
            self._note()

    def pytest_runtest_logreport(self, report):
        # A test reports setup, call and teardown, but counts as one failure.
        if report.failed:
            self._failed.add(report.nodeid)
        if report.when not in PHASES:  # pytest-xdist uses another value if a test ended its worker
            self.pytest_runtest_logfinish(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid):
        self._done.add(nodeid)
        self._note()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self):
        self._ended = True
        self._note()

    def _collected(self, ids):
        self._ids.update(ids)
        self._note()

    def _note(self) -> None:
        # Do not write in a process that a test has forked, or to a descriptor that a test replaced.
        if os.getpid() != self._process or _identity(self._descriptor) != self._pipe:
            return
        note = {
            "total": len(self._ids | self._done),
            "done": len(self._done),
            "failed": len(self._failed),
            "uncollected": len(self._uncollected),
            "first_uncollected": "".join(self._uncollected[:1])[:NAME_CHARS],
            "deselected": self._deselected,
            "prints": self._prints,
            "ended": self._ended,
        }
        os.write(self._descriptor, json.dumps(note).encode() + b"\n")


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:  # a test has closed it
        return None
    return status.st_dev, status.st_ino


def pytest_configure(config):
    # Removed, so that a pytest which the tests start does not send notes too.
    descriptor = os.environ.pop("CREWOPS_NOTES_FD", None)
    if descriptor is None:
        return
    os.set_inheritable(int(descriptor), False)
    config.pluginmanager.register(Progress(int(descriptor), config))
