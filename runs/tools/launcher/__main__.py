"""Runs one command and sees to it that nothing of it is left. Started as `python -I -S launcher/`.

Stands between the worker and a tool's process, and imports neither Django nor the project.
Standard input carries one line of JSON, the `Order` of runs/tools/process.py, and then stays open:
its end, because the worker wants the command stopped or because the worker is dead, stops the command.
The file descriptor named first in argv takes one line of JSON at the end: {"exit_code": n} or {"error": "..."}.
"""

import json
import os
import select
import signal
import sys

import tree

GRACE_S = 1.0  # between SIGTERM and SIGKILL
START_FAILED = 127  # exit code of the child that could not become the command, as in shells


def main() -> None:
    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    order = json.loads(_read_line(0))
    tree.adopt_orphans()
    wake = _wake_on_child()
    pid = _start(order, report)
    status = _wait(pid, wake)
    tree.end(GRACE_S if status is None else 0)
    if status is None:
        status = tree.reaped.get(pid)
    if status is not None:
        code = os.waitstatus_to_exitcode(status)
        _report(report, exit_code=code if code >= 0 else 128 - code)


def _start(order: dict, report: int) -> int:
    """Fork and become the command in the child; what prevents it is reported in words."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(order["cwd"])
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvpe(order["argv"][0], order["argv"], order["env"])
    except OSError as error:
        _report(report, error=f"{order['argv'][0]} could not be started: {error.strerror}.")
    finally:
        os._exit(START_FAILED)


def _wait(pid: int, wake: int) -> int | None:
    """The command's wait status once it has ended; None when it is to be stopped first."""
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            tree.reap()
            if pid in tree.reaped:
                return tree.reaped[pid]
        if 0 in ready and not os.read(0, 4096):
            return None


def _wake_on_child() -> int:
    """A descriptor that turns readable when a child ends, so that no end is slept through."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def _read_line(descriptor: int) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        if not (chunk := os.read(descriptor, 65536)):
            sys.exit("The order on standard input ended half-way.")
        line += chunk
    return bytes(line)


def _report(descriptor: int, **what: object) -> None:
    os.write(descriptor, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
