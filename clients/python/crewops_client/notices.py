"""What is wrong, said once, through `logging`."""

import contextlib
import logging

log = logging.getLogger("crewops_client")


class Notices:
    """Each notice is logged when it first applies, and again only after it has been withdrawn.

    Without a lock, which a fork or a signal handler could find taken: at worst one is said twice.
    """

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, key: str, message: str, level: int = logging.WARNING) -> None:
        if key not in self._said:
            self._said.add(key)
            _log(level, message)

    def withdraw(self, key: str, message: str) -> None:
        if key in self._said:
            self._said.discard(key)
            _log(logging.INFO, message)


def _log(level: int, message: str) -> None:
    # A broken handler of the host's logging is not ours to report.
    with contextlib.suppress(Exception):
        log.log(level, "crewops: %s", message)
