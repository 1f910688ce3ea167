"""Reads git's output during a clone: the percentages, and the reason of a failure."""

import re

from runs.tools.base import Emitter

# The share of the progress where each phase starts and ends. Estimates; only their order matters.
PHASES = {
    "Counting objects": (0.0, 0.05),
    "Compressing objects": (0.05, 0.1),
    "Receiving objects": (0.1, 0.8),
    "Resolving deltas": (0.8, 0.9),
    "Updating files": (0.9, 1.0),
}
PERCENTAGE = re.compile(rf"({'|'.join(PHASES)}): +(\d{{1,3}})%")
MAX_TAIL_CHARS = 200  # kept of an unfinished line; longer than any progress line
MAX_LAST_CHARS = 4000
MAX_FATAL_CHARS = 300

# git's last lines when a host denies access.
NOT_LET_IN = re.compile(r"Authentication failed for|could not read (?:Username|Password) for")
# Messages that follow from another fault, which git reports before.
GENERIC = re.compile(
    "Could not read from remote|the remote end hung up|early EOF|fetch-pack: invalid index-pack"
)
FATAL = re.compile(r"^fatal: (.+?)\.?$", re.MULTILINE)


def fatal(output: str) -> str:
    """Return git's last useful error as a sentence, or ""."""
    found = FATAL.findall(output.replace("\r", "\n"))
    useful = [line for line in found if not GENERIC.match(line)] or found
    return f"{useful[-1][:MAX_FATAL_CHARS]}." if useful else ""


class Percentages:
    """Turns git's percentages into one progress from 0 to 1 that never decreases.

    `last` is the end of git's output.
    """

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._tail = ""
        self._progress = 0.0
        self.last = ""

    def read(self, text: str) -> None:
        """Read git's output. Progress lines end with a carriage return."""
        self.last = (self.last + text)[-MAX_LAST_CHARS:]
        *lines, tail = re.split(r"[\r\n]", self._tail + text)
        self._tail = tail[-MAX_TAIL_CHARS:]
        for line in lines:
            if match := PERCENTAGE.search(line):
                start, end = PHASES[match[1]]
                progress = start + (end - start) * min(int(match[2]), 100) / 100
                self._progress = max(self._progress, progress)
                self._emitter.progress(message=match[0], progress=self._progress)
