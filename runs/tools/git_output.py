"""What git writes while it clones: its percentages, and why it failed."""

import re

from runs.tools.base import Emitter

# The share of the whole each phase of a clone ends at; measured by eye, only their order matters.
PHASES = {
    "Counting objects": (0.0, 0.05),
    "Compressing objects": (0.05, 0.1),
    "Receiving objects": (0.1, 0.8),
    "Resolving deltas": (0.8, 0.9),
    "Updating files": (0.9, 1.0),
}
PERCENTAGE = re.compile(rf"({'|'.join(PHASES)}): +(\d{{1,3}})%")
MAX_TAIL_CHARS = 200  # of an unfinished line; longer than any line of progress
MAX_LAST_CHARS = 4000
MAX_FATAL_CHARS = 300

# What git says, in its last lines, when a host does not let it in.
NOT_LET_IN = re.compile(r"Authentication failed for|could not read (?:Username|Password) for")
# What follows from another fault, which git names before.
GENERIC = re.compile(
    "Could not read from remote|the remote end hung up|early EOF|fetch-pack: invalid index-pack"
)
FATAL = re.compile(r"^fatal: (.+?)\.?$", re.MULTILINE)


def fatal(output: str) -> str:
    """git's last word on why it failed, as a sentence; "" if it gave none."""
    found = FATAL.findall(output.replace("\r", "\n"))
    telling = [line for line in found if not GENERIC.match(line)] or found
    return f"{telling[-1][:MAX_FATAL_CHARS]}." if telling else ""


class Percentages:
    """git's percentages as one progress from 0 to 1 that never goes back; `last` is the end of all
    that git wrote."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._tail = ""
        self._progress = 0.0
        self.last = ""

    def read(self, text: str) -> None:
        """Take in what git wrote; lines of progress end with a carriage return."""
        self.last = (self.last + text)[-MAX_LAST_CHARS:]
        *lines, tail = re.split(r"[\r\n]", self._tail + text)
        self._tail = tail[-MAX_TAIL_CHARS:]
        for line in lines:
            if match := PERCENTAGE.search(line):
                start, end = PHASES[match[1]]
                progress = start + (end - start) * min(int(match[2]), 100) / 100
                self._progress = max(self._progress, progress)
                self._emitter.progress(message=match[0], progress=self._progress)
