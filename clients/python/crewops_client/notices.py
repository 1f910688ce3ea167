"""Log each problem once, through `logging`."""

import contextlib
import logging

log = logging.getLogger("crewops_client")


class Notices:
    """A notice is logged when it first applies, and again only after it was resolved.

    There is no lock, because a fork or a signal handler could find it taken. At worst a notice is
    logged twice.
    """

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def log_once(self, key: str, message: str, level: int = logging.WARNING) -> None:
        if key not in self._logged:
            self._logged.add(key)
            _log(level, message)

    def not_understood(self, what: str, error: Exception) -> None:
        """Say that a mapper does not understand a line or event of another program."""
        text = f"a {what} was not understood, and is not reported: {type(error).__name__}: {error}"
        self.log_once(f"not understood: {what}", text[:300])

    def log_resolved(self, key: str, message: str) -> None:
        if key in self._logged:
            self._logged.discard(key)
            _log(logging.INFO, message)


def _log(level: int, message: str) -> None:
    # An error in the host's own logging handler is not reported.
    with contextlib.suppress(Exception):
        log.log(level, "crewops: %s", message)
