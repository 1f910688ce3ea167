"""Events on disk, while the server is away: append-only files, read again in order.

A directory belongs to a process, which holds a lock on it. A later process takes over the directory
of a process that has ended. The position in the files is not stored, so events may be sent twice.
This does no harm, because each event has an id.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path

from .settings import Settings, default_spool_directories

try:
    import fcntl
except ImportError:  # Windows: a process then finds only its own spool
    fcntl = None  # type: ignore[assignment]

SEGMENT = 8 * 1024 * 1024  # bytes; a file is removed when all of it was sent
LOCK = "lock"


class Spool:
    """A queue of lines in one directory."""

    def __init__(self, directory: Path, lock: int, limit: int) -> None:
        self.directory = directory
        self.size = 0  # bytes that were not sent yet
        self._lock = lock
        self._limit = limit
        self._segments = sorted(directory.glob("*.ndjson"))
        self._offset = 0  # in the first segment
        self._file = -1
        self._written = 0  # in the last segment
        self.size = sum(path.stat().st_size for path in self._segments)

    def append(self, lines: list[bytes]) -> None:
        """Write all of the lines or none. Raises `OSError`, also at the limit."""
        data = b"".join(lines)
        if self.size + len(data) > self._limit:
            raise OSError(f"the spool has reached its limit of {self._limit // 1024**2} MiB")
        if self._file < 0 or self._written >= SEGMENT:
            self._next_segment()
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            os.ftruncate(self._file, self._written)
            os.lseek(self._file, self._written, os.SEEK_SET)
            raise
        self._written += len(data)
        self.size += len(data)

    def read(self, events: int, size: int) -> list[bytes]:
        """Return the next lines, or an empty list. The lines stay on disk until `remove`.

        These are at most `events` lines of `size` bytes together, but always a whole line.
        """
        while self._segments:
            path = self._segments[0]
            with open(path, "rb") as file:
                file.seek(self._offset)
                data = file.read(size)
                if b"\n" not in data:
                    data += file.readline()  # one line is longer than `size`
            lines = data.splitlines(keepends=True)
            if lines and not lines[-1].endswith(b"\n"):
                lines.pop()  # cut by the end of this read, or its process was killed while writing
            if lines:
                return lines[:events]
            if len(self._segments) == 1 and self._file >= 0:
                self.size = 0
                self._remove_segment()
                return []
            self.size = max(0, self.size - len(data))
            self._remove_segment()
        self.size = 0
        return []

    def remove(self, lines: list[bytes]) -> None:
        """Remove the lines that `read` returned, because they were sent."""
        length = sum(map(len, lines))
        self._offset += length
        self.size = max(0, self.size - length)
        if not self.size or self._offset >= self._segments[0].stat().st_size:
            self._remove_segment()

    def close(self) -> None:
        """Release the directory. Remove it if no events are left in it."""
        if not self.size:
            shutil.rmtree(self.directory, ignore_errors=True)
        self.forget()

    def forget(self) -> None:
        """Close only the descriptors. A forked child must do this: its parent keeps the lock."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._file = self._lock = -1

    def _next_segment(self) -> None:
        number = int(self._segments[-1].stem) + 1 if self._segments else 1
        path = self.directory / f"{number:08}.ndjson"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._written = descriptor, 0
        self._segments.append(path)

    def _remove_segment(self) -> None:
        if len(self._segments) == 1 and self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._segments.pop(0).unlink(missing_ok=True)
        self._offset = 0


def base_directory(settings: Settings) -> Path:
    """Return the directory of the spools, and make it if needed. Only the user can read it.

    Each server and key has its own directory, so events are never sent to another server.
    Raises `OSError` if no directory can be written.
    """
    target = hashlib.sha256(f"{settings.url}\n{settings.api_key}".encode()).hexdigest()[:16]
    given = settings.spool_dir
    problem = OSError("no directory for the spool")
    for place in [given] if given else default_spool_directories():
        try:
            directory = place / "spool" / target
            place.mkdir(parents=True, exist_ok=True)
            for each in (directory.parent, directory):
                each.mkdir(mode=0o700, exist_ok=True)
            found = directory.lstat()
            if hasattr(os, "getuid") and found.st_uid != os.getuid():
                raise PermissionError(f"{directory} belongs to another user")
            if stat.S_IMODE(found.st_mode) & 0o077:
                directory.chmod(0o700)
            if not os.access(directory, os.W_OK | os.X_OK):
                raise PermissionError(f"{directory} is not writable")
            return directory
        except OSError as error:
            problem = error
    raise problem


def create(base: Path, limit: int) -> Spool:
    """Return a new spool for at most `limit` bytes, less what all spools in `base` have.

    Raises `OSError`, also if the file system has no locks. No directory is left then.
    """
    used = sum(_stat(path, "st_size") for path in _files(base))
    directory = base / f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
    directory.mkdir(mode=0o700)
    lock = _locked(directory)
    try:
        if lock is None:  # no other process knows the directory
            raise OSError(f"there is no lock for a file in {base}")
        return Spool(directory, lock, max(0, limit - used))
    except OSError:
        _discard(directory, lock)
        raise


def left_behind(base: Path, but: Collection[Path] = ()) -> Iterator[Spool]:
    """Yield the spools of processes that have ended, oldest first. The caller owns them.

    Each holds an open descriptor. The directories in `but` are left out.
    """
    if fcntl is None:
        return
    directories = [path for path in base.iterdir() if path not in but and path.is_dir()]
    for directory in sorted(directories, key=lambda path: _stat(path, "st_mtime_ns")):
        lock = _locked(directory)
        if lock is None:
            continue
        try:
            spool = Spool(directory, lock, 0)
        except OSError:
            os.close(lock)
            continue
        if spool.size:
            yield spool
        else:
            spool.close()


def _discard(directory: Path, lock: int | None) -> None:
    """Remove a directory that holds no events. This opens no file: there may be no descriptors."""
    if lock is not None and lock >= 0:
        os.close(lock)
    with contextlib.suppress(OSError):
        (directory / LOCK).unlink(missing_ok=True)
        directory.rmdir()


# Another process may remove its files and its directory at any time.


def _files(base: Path) -> Iterator[Path]:
    for directory, _, names in os.walk(base):  # it skips a directory that was removed
        yield from (Path(directory, name) for name in names)


def _stat(path: Path, field: str) -> int:
    try:
        return getattr(path.stat(), field)
    except FileNotFoundError:
        return 0


def _locked(directory: Path) -> int | None:
    """Return the descriptor that holds the directory's lock, or None if a process has it."""
    if fcntl is None:
        return -1
    try:
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None  # its owner has just removed it
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The owner may have removed the directory between the two calls.
        if os.fstat(descriptor).st_nlink:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
