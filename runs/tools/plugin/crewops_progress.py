"""A pytest plugin that tells how many tests there are and how many are done.

Runs inside the tool's pytest. Writes lines `total N` and `done N` to the descriptor named by
CREWOPS_NOTES_FD, never to the output.
"""

import os


class Progress:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._done = 0

    def pytest_collection_finish(self, session):
        self._tell(f"total {len(session.items)}")

    def pytest_runtest_logfinish(self):
        self._done += 1
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
