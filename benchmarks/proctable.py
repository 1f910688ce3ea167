"""Processes of this machine, as /proc shows them."""

from pathlib import Path


def sleepers(seconds: str) -> list[int]:
    """The processes ``sleep SECONDS`` that have not ended, in whatever box."""
    return [pid for pid in _pids() if _command(pid) == ["sleep", seconds] and is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Whether there is such a process. A zombie has ended."""
    return _stat(pid)[:1] not in ([], ["Z"])


def parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def _stat(pid: int) -> list[str]:
    """State, parent and so on; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
