"""Runs one command and sees to it that nothing of it is left. Started as `python -I -S launcher/`.

Stands between the worker and a tool's process, and imports neither Django nor the project.
Standard input carries one line of JSON, the `Order` of runs/tools/process.py, and then stays open:
its end, because the worker wants the command stopped or because the worker is dead, stops the command.
The file descriptor named first in argv takes one line of JSON: {"exit_code": n}, with "stopped" when a
limit was exceeded, or {"error": "..."} when the command could not be started.
"""

import json
import os
import select
import signal
import sys
from functools import partial

import command
import namespaces
import tree
from usage import Usage

GRACE_S = 1.0  # between SIGTERM and SIGKILL
LOOK_S = 0.5


def main() -> None:
    report_to = int(sys.argv[1])
    os.set_inheritable(report_to, False)
    report = partial(_report, report_to)
    order = json.loads(_read_line(0))
    os.umask(0o022)
    try:
        tree.adopt_orphans()
        _prepare(order)
        wake = _wake_on_child()
        start = namespaces.start if order["tier"] == "namespaces" else command.start
        pid = start(order, report)
    except OSError as error:
        report(error=f"The box could not be built: {error}.")
        return
    status, stopped = _wait(pid, wake, Usage(order["workspace"], order["limits"]))
    tree.end(0 if status is not None else GRACE_S)
    status = tree.reaped.get(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    report(exit_code=code if code >= 0 else 128 - code, stopped=stopped)


def _wait(pid: int, wake: int, usage: Usage) -> tuple[int | None, str]:
    """The command's wait status once it has ended; None, and why, when it is to be stopped first."""
    while True:
        ready, _, _ = select.select([0, wake], [], [], LOOK_S)
        if wake in ready:
            os.read(wake, 4096)
            tree.reap()
            if pid in tree.reaped:
                return tree.reaped[pid], ""
        if 0 in ready and not os.read(0, 4096):
            return None, ""
        if excess := usage.excess():
            return None, excess


def _prepare(order: dict) -> None:
    """Make the workspace the user's whom the command runs as, and its private directories.

    None of the run's processes is alive, so nothing here can be raced.
    """
    uid, workspace = order["uid"], order["workspace"]
    if uid is not None and os.lstat(workspace).st_uid != uid:
        for directory, _, files in os.walk(workspace):
            for name in (".", *files):
                os.lchown(os.path.join(directory, name), uid, uid)
    for path in (order["env"]["HOME"], order["env"]["TMPDIR"]):
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)  # an earlier step has put it there
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
            if uid is not None:
                os.lchown(path, uid, uid)


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
