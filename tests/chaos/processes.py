"""Every process below this one, whatever it did to get away.

An orphan becomes a child of the nearest ancestor that asks for it. Since we ask, what a killed
worker or supervisor leaves behind is found below us, also after ``setsid`` and a double fork.
"""

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress

import psutil

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def below(pid: int | None = None) -> set[psutil.Process]:
    """The live processes below ``pid``, by default below this one; no zombies.

    And none of PostgreSQL's: it makes one for each connection, and a test that has restarted it
    has it below its own process.
    """
    alive = set()
    try:
        found = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return alive
    for process in found:
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE and process.name() != "postgres":
                alive.add(process)
    return alive


def bury(keep: set[int]) -> None:
    """Collect the ended orphans among our children; ``keep`` are those that others wait for."""
    for process in psutil.Process().children():
        with suppress(psutil.NoSuchProcess, ChildProcessError):
            if process.pid not in keep and process.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(process.pid, os.WNOHANG)


def fork_servers(pool: Iterable[psutil.Process]) -> set[psutil.Process]:
    """What these workers keep to start tools from. It stands as long as they do, and no longer."""
    found = set()
    for worker in pool:
        with suppress(psutil.NoSuchProcess):
            found |= {child for child in worker.children() if child.name() == "crewops-forks"}
    return found
