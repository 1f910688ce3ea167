"""Starts the command, supervises and pauses it, and ends it with all processes it has started."""

import os
import select
import signal
import time

import command
import tree
from usage_limits import Usage

GRACE_S = 1.0  # between SIGTERM and SIGKILL; `STOP_S` in runs/tools/launch.py has to be longer
RECHECK_S = 0.25  # interval of the usage checks


def run(order: dict, report) -> None:
    """Run the command until it ends, standard input ends or a limit is exceeded. Report its end."""
    tree.adopt_orphans()
    wake = wake_on_child()
    pid = command.start(order, report)
    usage = Usage(order["workspace"], order["limits"])
    stopped = _watch(pid, wake, usage, order["silence_s"], report)
    tree.end(0 if pid in tree.reaped or stopped else GRACE_S)
    code = os.waitstatus_to_exitcode(tree.reaped.get(pid, signal.SIGKILL))
    report(exit_code=code if code >= 0 else 128 - code, stopped=stopped)


def _watch(pid: int, wake: int, usage: Usage, silence_s: float, report) -> str:
    """Return when the command has ended or must be stopped: the exceeded limit, or "".

    Until then, pause all processes and let them continue as standard input says.
    """
    sign_at = time.monotonic()
    while True:
        ready, _, _ = select.select([0, wake], [], [], RECHECK_S)
        if wake in ready:
            os.read(wake, 4096)
            tree.reap()
            if pid in tree.reaped:
                return ""
        if 0 in ready:
            sign_at = time.monotonic()
            if not (said := os.read(0, 4096)):
                return ""
            if moves := [line for line in said.split() if line in (b"pause", b"resume")]:
                tree.pause(moves[-1] == b"pause")
                report(paused=moves[-1] == b"pause")
        # A frozen worker closes no pipe, and it has lost its run.
        if time.monotonic() - sign_at > silence_s:
            return f"Stopped: the worker gave no sign for {silence_s:g} s."
        if excess := usage.excess():
            return excess


def wake_on_child() -> int:
    """Return a descriptor that becomes readable when a child ends, so that `select` wakes up."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader
