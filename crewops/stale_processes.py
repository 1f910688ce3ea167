"""Records the processes of a stack while they run, so that the next stack can end those left over.

If a supervisor is killed, nothing ends its processes. `stack.json` in the data directory holds
``{program: [pid, start time]}``. The start time distinguishes a process from a later one with the
same pid.
"""

import json
import logging
import os
from contextlib import suppress
from pathlib import Path

import psutil

FILE = "stack.json"
END_S = 5.0  # seconds that a process gets to end after a signal

logger = logging.getLogger(__name__)


def note(var_dir: Path, program: str, pid: int) -> None:
    """Record that the program runs as process ``pid``, which leads a process group."""
    file = var_dir / FILE
    noted = json.loads(file.read_text()) if file.exists() else {}
    noted[program] = [pid, psutil.Process(pid).create_time()]
    written = file.with_suffix(".new")
    written.write_text(json.dumps(noted))
    written.replace(file)


def running(var_dir: Path) -> dict[str, psutil.Process]:
    """The recorded processes that are alive, by program."""
    file = var_dir / FILE
    found = {}
    for program, (pid, started) in (json.loads(file.read_text()) if file.exists() else {}).items():
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE:
                found[program] = process
    return found


def end(var_dir: Path) -> None:
    """End the recorded processes and their groups. The caller must hold the stack's lock."""
    groups = set()
    for program, process in running(var_dir).items():
        logger.warning("Ending process %d, %s of a stack that was killed", process.pid, program)
        groups.add(process.pid)
    members = [process for process in psutil.process_iter() if _group(process) in groups]
    for process in members:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(members, timeout=END_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=END_S)
    (var_dir / FILE).unlink(missing_ok=True)


def _group(process: psutil.Process) -> int | None:
    with suppress(OSError):
        return os.getpgid(process.pid)
    return None
