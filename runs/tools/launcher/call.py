"""One call: runs one command and ensures that none of its processes is left.

It runs between the worker and a tool's process, and imports neither Django nor the project.
Standard input carries one line of JSON, the `Order` of runs/tools/launch.py, and then stays open.
The end of standard input stops the command: the worker wants that, or it is dead. Silence for
longer than `silence_s` stops it too, because a live worker regularly writes an empty line.
The descriptor `report_to` takes one line of JSON: {"exit_code": n, "stopped": reason or ""},
or {"error": "..."} if the command could not be started.
"""

import contextlib
import fcntl
import json
import os
import sys
from functools import partial

import namespaces
import supervision


def run(report_to: int) -> None:
    """Execute the call, in the launcher's process."""
    report = partial(_report, report_to)
    order = json.loads(_read_line(0))
    os.umask(0o022)
    try:
        _prepare(order)
        if order["tier"] == "namespaces":
            namespaces.run(order, report)
        else:
            supervision.run(order, report)
    except OSError as error:
        report(error=f"The box could not be built: {error}.")


def _prepare(order: dict) -> None:
    """Give the workspace to the user that the command runs as, and make its private directories.

    Other tasks of the run may be at work in it, or preparing it as well.
    """
    uid = order["uid"]
    if uid is not None:
        _give(order["workspace"], uid)
    for path in (order["env"]["HOME"], order["env"]["TMPDIR"]):
        if os.path.islink(path) or not os.path.isdir(path):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                os.unlink(path)  # an earlier step has created it
            with contextlib.suppress(FileExistsError):  # another task of the run has just made it
                os.mkdir(path, 0o700)
            if uid is not None:
                _give_directory(path, uid)


def _give(workspace: str, uid: int) -> None:
    """Give the workspace with all that is in it, unless it was given before.

    The lock is out of the tools' reach, and the workspace itself is given last. So no tool of the
    run is alive meanwhile, which could put a link in the place of a directory.
    """
    above = os.open(os.path.dirname(workspace), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(above, fcntl.LOCK_EX)
        if os.lstat(workspace).st_uid != uid:
            for directory, _, files in os.walk(workspace, topdown=False):
                for name in (*files, "."):
                    os.lchown(os.path.join(directory, name), uid, uid)
    finally:
        os.close(above)


def _give_directory(path: str, uid: int) -> None:
    """Make ``uid`` the owner of a directory. A link in its place is never followed."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchown(directory, uid, uid)
    finally:
        os.close(directory)


def _read_line(descriptor: int) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        if not (chunk := os.read(descriptor, 65536)):
            sys.exit("The order on standard input ended half-way.")
        line += chunk
    return bytes(line)


def _report(descriptor: int, **what: object) -> None:
    os.write(descriptor, json.dumps(what).encode() + b"\n")
