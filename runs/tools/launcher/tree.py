"""The process tree below the launcher: adopting, reaping, pausing and ending all of it.

`killpg` misses a child that called `setsid`, and a double fork loses its parent. A subreaper misses
neither: an orphan below it becomes its own child, so all started processes are found in /proc.
"""

import contextlib
import os
import signal
import time

import libc

POLL_S = 0.02
LAST_WAIT_S = 2.0  # for killed processes to end; an uninterruptible sleep may last longer

reaped: dict[int, int] = {}  # wait statuses of ended children by process id


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its parent."""
    libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)


def reap() -> bool:
    """Collect every child that has ended. Returns whether there are others.

    A process that adopts orphans and has no child has no descendant. This check is cheaper than a
    search in /proc.
    """
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if not pid:
            return True
        reaped[pid] = status


def pause(paused: bool) -> None:
    """Stop every descendant for now, or let all continue."""
    if paused:
        _freeze()
    else:
        _signal(descendants(), signal.SIGCONT)


def end(grace_s: float) -> None:
    """End every descendant: SIGTERM first if there is a grace period, then SIGKILL."""
    if not reap():
        return
    if grace_s:
        found = descendants()
        _signal(found, signal.SIGTERM)
        _signal(found, signal.SIGCONT)  # a paused process receives SIGTERM only when it continues
        _gone_within(grace_s)
    _signal(_freeze(), signal.SIGKILL)
    _gone_within(LAST_WAIT_S)


def _freeze() -> set[int]:
    """Stop every descendant and return them all.

    A process may fork faster than its children are found. Stopped processes do not fork, so each
    round finds fewer new ones.
    """
    stopped: set[int] = set()
    while new := descendants() - stopped:
        _signal(new, signal.SIGSTOP)
        stopped |= new
    return stopped


def descendants() -> set[int]:
    """Return the process ids of everything below this process, including zombies."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (parent := _parent(int(name))):
            children.setdefault(parent, []).append(int(name))
    found: set[int] = set()
    queue = [os.getpid()]
    while queue:
        fresh = children.get(queue.pop(), [])
        found.update(fresh)
        queue += fresh
    return found


def _gone_within(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        if not reap() or not descendants() or time.monotonic() > deadline:
            return
        time.sleep(POLL_S)


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _parent(pid: int) -> int | None:
    """Return the parent's process id, or None if the process does not exist.

    A zombie counts until it is reaped: its first thread may have ended while others are alive.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return int(stat.read().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
