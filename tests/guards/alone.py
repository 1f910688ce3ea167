"""``python alone.py SECONDS COMMAND...``: runs it, and leaves nothing of it behind.

It ends when the command does, when SECONDS are over, and when standard input ends because the
process that started it is dead. The command is interrupted then, which lets it clean up; processes
that it left behind are killed. Exits with the command's status, or 124 when time was up.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "runs/tools/launcher"))

import tree

GRACE_S = 10.0  # for an interrupted command to clean up
POLL_S = 0.05
TIME_IS_UP = 124  # as timeout(1) says it


def main() -> int:
    seconds, argv = float(sys.argv[1]), sys.argv[2:]
    tree.adopt_orphans()
    no_input = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[no_input])
    deadline = time.monotonic() + seconds
    ended = _wait(pid, lambda: time.monotonic() > deadline or _input_ended())
    if not ended:
        os.kill(pid, signal.SIGINT)
        cleaned_up = time.monotonic() + GRACE_S
        _wait(pid, lambda: time.monotonic() > cleaned_up)
    tree.end(grace_s=0)
    if not ended and time.monotonic() > deadline:
        return TIME_IS_UP
    return os.waitstatus_to_exitcode(tree.reaped.get(pid, signal.SIGKILL)) % 256


def _wait(pid: int, enough: Callable[[], bool]) -> bool:
    """Whether the process has ended before it was ``enough``."""
    while True:
        tree.reap()
        if pid in tree.reaped:
            return True
        if enough():
            return False
        time.sleep(POLL_S)


def _input_ended() -> bool:
    return bool(select.select([0], [], [], 0)[0])


if __name__ == "__main__":
    sys.exit(main())
