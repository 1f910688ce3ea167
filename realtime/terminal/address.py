"""The address of the stack of this data directory, which the stack writes to a file."""

import fcntl
from pathlib import Path

LOCK = "stack.lock"  # held by the stack while it runs
ADDRESS = "stack.address"  # host:port
ANY = ("0.0.0.0", "127.0.0.1")


def note(var_dir: Path, host: str, port: int) -> None:
    (var_dir / ADDRESS).write_text(f"{'localhost' if host in ANY else host}:{port}\n")


def running(var_dir: Path) -> str | None:
    """``host:port`` of the running stack; ``None`` if none is running."""
    try:
        address = (var_dir / ADDRESS).read_text().strip()
        lock = (var_dir / LOCK).open()
    except OSError:
        return None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return address
    return None
