"""The buffer of encoded events before they are sent: in memory, then on disk, always in order.

Events are sent in this order: the batch in flight, events on disk, events in memory. So while there
are events on disk, new events may wait in memory, but they are sent after those on disk.
"""

import collections
import itertools
import logging
import time
from pathlib import Path

from . import spool
from .notices import Notices
from .settings import Settings

BATCH_EVENTS = 900  # of 1,000 in a call, because beats follow the events
BATCH_BYTES = 512 * 1024
DISK_RETRY_S = 5.0  # after a failed write
SCAN_S = 60.0  # between two searches for spools of ended processes
FOUND = 16  # spools of ended processes at a time: each holds a descriptor of the host's process


class Outbox:
    def __init__(self, settings: Settings, notices: Notices) -> None:
        self.batch: list[bytes] = []  # in flight until it is acknowledged
        self.added = self.gone = 0  # counts of all events of this process
        self.dropped = 0
        self._settings = settings
        self._notices = notices
        self._memory: collections.deque[bytes] = collections.deque()
        self._memory_bytes = 0
        self._own: spool.Spool | None = None
        self._spooled = 0  # events of this process on disk
        self._found: list[spool.Spool] = []  # spools of processes that have ended
        self._source: spool.Spool | None = None  # where the batch is from; `None`: memory
        self._unread: set[Path] = set()  # spools that could not be read
        self._turn_of_found = False
        self._disk_again_at = 0.0
        self._batch_bytes = BATCH_BYTES
        self._scanned_at = float("-inf")

    # The rest of the memory limit is for the queue that callers put events on.
    @property
    def full(self) -> bool:
        return self._memory_bytes > self._settings.memory_limit * 3 // 8

    @property
    def in_memory(self) -> bool:
        """Whether events would be lost if the process ended now."""
        return bool(self._memory or (self.batch and self._source is None))

    @property
    def waiting(self) -> bool:
        return bool(self._memory or self._found or (self._own and self._own.size))

    @property
    def batch_is_own(self) -> bool:
        """Whether the batch is of this process, not of one that has ended."""
        return self._source not in self._found

    @property
    def left_behind(self) -> bool:
        """Whether events of ended programs wait."""
        return bool(self._found)

    @property
    def empty(self) -> bool:
        """Whether no event of this process waits or is in flight."""
        mine = self.batch and self.batch_is_own
        return not (self._memory or mine or (self._own and self._own.size))

    def add(self, lines: list[bytes]) -> None:
        self._memory.extend(lines)
        self._memory_bytes += sum(map(len, lines))
        self.added += len(lines)

    def next_batch(self) -> list[bytes]:
        """Return the next batch. Returns the same batch until it is acknowledged."""
        if self.batch:
            return self.batch
        own = self._memory or (self._own and self._own.size)
        if self._found and (self._turn_of_found or not own):
            self._turn_of_found = False
            found = self._found[0]
            self.batch = self._read(found)
            if not self.batch:
                if found in self._found:  # all of it was sent
                    self._found.pop(0).close()
                return self.next_batch()
            return self.batch
        self._turn_of_found = True
        if self._own and self._own.size:
            self.batch = self._read(self._own)
            if self.batch:
                return self.batch
        self._source, size = None, 0
        while self._memory and len(self.batch) < BATCH_EVENTS and size < self._batch_bytes:
            line = self._memory.popleft()
            size += len(line)
            self.batch.append(line)
        self._memory_bytes -= size
        return self.batch

    def acknowledge(self) -> None:
        """Remove the batch: the server has taken it, or will never take it."""
        if self.batch_is_own:
            self.gone += len(self.batch)
        if self._source is not None:
            if self._source is self._own:
                self._spooled -= len(self.batch)
            try:
                self._source.remove(self.batch)
            except OSError as error:
                self._disk_failed(error)
        self.batch = []

    def halve(self, too_large: bool) -> bool:
        """Send only the first half of the batch next. Return False if it cannot be halved."""
        if too_large:
            self._batch_bytes = max(16 * 1024, self._batch_bytes // 2)
        if len(self.batch) < 2:
            return False
        middle = len(self.batch) // 2
        rest, self.batch = self.batch[middle:], self.batch[:middle]
        if self._source is None:
            self._memory.extendleft(reversed(rest))
            self._memory_bytes += sum(map(len, rest))
        return True

    def to_disk(self) -> bool:
        """Write the events in memory to the spool, the batch first. Return whether none remain."""
        if not self.in_memory:
            return True
        if not self._settings.spool_limit or time.monotonic() < self._disk_again_at:
            return False
        first = self.batch if self._source is None else []
        try:
            if self._own is None:
                base = spool.base_directory(self._settings)
                self._own = spool.create(base, self._settings.spool_limit)
            self._own.append([*first, *self._memory])
            self._spooled += len(first) + len(self._memory)
        except OSError as error:
            self._disk_failed(error)
            return False
        if first:
            self._source = self._own
        self._memory.clear()
        self._memory_bytes = 0
        self._notices.log_resolved("disk", "the spool can be written again")
        return True

    def find(self) -> None:
        """Take over spools that ended processes have left on disk, at most `FOUND` at a time.

        Searches again after `SCAN_S`, and at once when as many as that were sent.
        """
        now = time.monotonic()
        if not self._settings.spool_limit or self._found or now - self._scanned_at < SCAN_S:
            return
        self._scanned_at = now
        try:
            base = spool.base_directory(self._settings)
            left = spool.left_behind(base, self._unread)
            self._found += itertools.islice(left, FOUND)
        except OSError as error:
            self._notices.log_once("no spool", f"there is no spool on disk: {error}", logging.INFO)
        if len(self._found) < FOUND:
            self._unread.clear()
        else:  # more may be there
            self._scanned_at = float("-inf")

    def close(self) -> None:
        """Release the directories, so that another process may send the events in them."""
        self.dropped += len(self._memory) + (len(self.batch) if self._source is None else 0)
        if self._own and self._own.size:
            self._notices.log_once(
                "unsent",
                "the program ended before all its events were sent: they are on disk, and the next "
                "program that reports with this key sends them",
            )
        for each in [*self._found, *([self._own] if self._own else [])]:
            each.close()

    def forget(self) -> None:
        for each in [*self._found, *([self._own] if self._own else [])]:
            each.forget()

    def _read(self, source: spool.Spool) -> list[bytes]:
        """Read the next batch from a spool. Release one that cannot be read.

        `find` tries it again after the others.
        """
        self._source = source
        try:
            return source.read(BATCH_EVENTS, self._batch_bytes)
        except OSError as error:
            self._notices.log_once(
                "unread", f"events on disk cannot be read, and are not sent: {error}"
            )
        source.forget()
        if source is self._own:
            self._own = None
            self.gone += self._spooled
            self._spooled = 0
        else:
            self._found.remove(source)
            self._unread.add(source.directory)
        return []

    def _disk_failed(self, error: OSError) -> None:
        self._disk_again_at = time.monotonic() + DISK_RETRY_S
        self._notices.log_once(
            "disk", f"the spool cannot be written, so events stay in memory for now: {error}"
        )
