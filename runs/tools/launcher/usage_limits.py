"""A tool's total memory and disk usage. The kernel limits only single processes and files."""

import errno
import os
import stat
import time

import tree

PAUSE_S = 0.5  # interval of the checks of memory and disk
MAX_SHARE = 0.1  # limit for the share of time they take: a large workspace is checked less often
BLOCK_BYTES = 512  # unit of stat's st_blocks, on every system
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Usage:
    """Checks the usage when `excess` is called. `excess` says which limit is exceeded."""

    def __init__(self, workspace: str, limits: dict) -> None:
        self._workspace = workspace
        self._limits = limits
        self._due_at = 0.0

    def excess(self) -> str:
        """Return the reason to stop the command, or ""."""
        if reason := self._processes():
            return reason
        now = time.monotonic()
        if now < self._due_at:
            return ""
        reason = self._memory() or self._disk()
        taken = time.monotonic() - now
        self._due_at = now + taken + max(PAUSE_S, taken / MAX_SHARE)
        return reason

    def _processes(self) -> str:
        """The kernel enforces this limit earlier, but not for root. Checked on each call."""
        limit = self._limits["processes"]
        too_many = len(tree.descendants()) > limit
        return f"Stopped: over the limit of {limit} processes." if too_many else ""

    def _memory(self) -> str:
        """Resident memory of all processes. Shared memory counts for each of them."""
        limit = self._limits["memory_bytes"]
        total = sum(_resident(pid) for pid in tree.descendants())
        return f"Stopped: over the memory limit of {_mebibytes(limit)}." if total > limit else ""

    def _disk(self) -> str:
        limit, files_limit = self._limits["workspace_bytes"], self._limits["workspace_files"]
        total, files = _deleted_but_open(), 0
        pending = [self._workspace]
        while pending:
            try:
                with os.scandir(pending.pop()) as entries:
                    for entry in entries:
                        files += 1
                        total += entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    return (
                        "Stopped: directories are nested too deep for the workspace to be measured."
                    )
                continue  # removed meanwhile
            if total > limit:
                return f"Stopped: over the workspace limit of {_mebibytes(limit)}."
            if files > files_limit:
                return f"Stopped: over the workspace limit of {files_limit} files."
        return ""


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _deleted_but_open() -> int:
    """Return the bytes of files that are deleted but still open, and so still take space."""
    sizes: dict[tuple[int, int], int] = {}
    for pid in tree.descendants():
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                status = os.stat(f"/proc/{pid}/fd/{descriptor}")
            except OSError:
                continue
            if status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
                sizes[status.st_dev, status.st_ino] = status.st_blocks * BLOCK_BYTES
    return sum(sizes.values())


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:g} MiB"
