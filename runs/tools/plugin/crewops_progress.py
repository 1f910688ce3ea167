"""A pytest plugin that tells how many tests there are, how many are done and how many have failed.

Runs inside the tool's pytest. Writes lines `total N`, `done N` and `failed N` to the descriptor named by
CREWOPS_NOTES_FD, never to the output.
"""

import os


class Progress:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._done = self._failed = 0
        self._fails = False

    def pytest_collection_finish(self, session):
        self._tell(f"total {len(session.items)}")

    def pytest_runtest_logreport(self, report):
        # A test reports its setup, itself and its teardown, and is one failure.
        self._fails |= report.failed

    def pytest_runtest_logfinish(self):
        self._done += 1
        if self._fails:
            self._failed += 1
            self._fails = False
            self._tell(f"failed {self._failed}")
        self._tell(f"done {self._done}")

    def _tell(self, line: str) -> None:
        os.write(self._descriptor, line.encode() + b"\n")


def pytest_configure(config):
    # Taken away, so that a pytest which the tests start does not count itself in.
    descriptor = os.environ.pop("CREWOPS_NOTES_FD", None)
    if descriptor is None:
        return
    os.set_inheritable(int(descriptor), False)
    config.pluginmanager.register(Progress(int(descriptor)))
