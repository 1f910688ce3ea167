"""Starting the command, watching over it, and ending it with everything it has started."""

import os
import select
import signal
import time

import command
import tree
from usage import Usage

GRACE_S = 1.0  # between SIGTERM and SIGKILL
LOOK_S = 0.25  # between two looks at what is used


def run(order: dict, report) -> None:
    """Run the command to its end, or until standard input ends or a limit is exceeded; report it."""
    tree.adopt_orphans()
    wake = wake_on_child()
    pid = command.start(order, report)
    usage = Usage(order["workspace"], order["limits"])
    stopped = _watch(pid, wake, usage, order["silence_s"])
    tree.end(0 if pid in tree.reaped or stopped else GRACE_S)
    code = os.waitstatus_to_exitcode(tree.reaped.get(pid, signal.SIGKILL))
    report(exit_code=code if code >= 0 else 128 - code, stopped=stopped)


def _watch(pid: int, wake: int, usage: Usage, silence_s: float) -> str:
    """Return when the command has ended or is to be stopped; the limit it exceeded, or ""."""
    heard_at = time.monotonic()
    while True:
        ready, _, _ = select.select([0, wake], [], [], LOOK_S)
        if wake in ready:
            os.read(wake, 4096)
            tree.reap()
            if pid in tree.reaped:
                return ""
        if 0 in ready:
            heard_at = time.monotonic()
            if not os.read(0, 4096):
                return ""
        # A worker that is frozen closes no pipe, and its run is not its own any more.
        if time.monotonic() - heard_at > silence_s:
            return f"Stopped: the worker gave no sign for {silence_s:g} s."
        if excess := usage.excess():
            return excess


def wake_on_child() -> int:
    """A descriptor that turns readable when a child ends, so that no end is slept through."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader
