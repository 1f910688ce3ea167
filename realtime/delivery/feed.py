"""One stream in one process: how far it is known, and the sockets that follow it.

Redis announces each event and carries its text. The next event in order goes straight to the
sockets. Any other number means that an event is missing, and the log is read.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from contextvars import Context
from time import perf_counter
from typing import Protocol, TypeVar

from realtime import log, metrics
from realtime.counting import counts
from realtime.delivery.threads import CallBatcher, in_thread
from realtime.servers.encodings import Encoding
from realtime.servers.writer import Write

# Pages that are read and written for followers at the same time in this process. However many
# sockets are behind, the pool's threads and the event loop are free for the others.
PAGES_AT_ONCE = 4
MISSING_SWEEPS = 3  # sweeps that did not find the stream, until it counts as lost

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Follows(Protocol):
    """The members of a follower that a feed uses: see `realtime.delivery.follower.Follower`."""

    connection: int
    on_last: Callable[[], None]

    def fall_behind(self, position: int) -> None: ...

    def reset(self, reason: str) -> None: ...


class Feed:
    def __init__(self, stream: str, page_slots: asyncio.Semaphore | None = None) -> None:
        self.stream = stream
        self.page_slots = page_slots or asyncio.Semaphore(PAGES_AT_ONCE)
        self.epoch = ""
        self.head: int | None = None  # None until it has been read from the log
        self.followers: set[Follows] = set()
        # Followers that have all events up to the head, by the encoding of their connections.
        self.up_to_date: dict[Encoding, dict[Follows, Write]] = {}
        self._missing_sweeps = 0  # sweeps in a row that did not find the stream
        self._noted_head = 0  # the highest seq that Redis or a sweep has named
        self._filling: asyncio.Task[None] | None = None
        self._reads: dict[Callable, CallBatcher] = {}

    def start(self, position: log.Position) -> None:
        """Set the head from the log. A feed that has a head already keeps it."""
        if self.head is None:
            self.epoch, self.head = position.epoch, position.head
        self.note_head(position.head)

    def receive(self, data: bytes) -> None:
        """Take an event as published. Deliver it if it is the next one, else read the log."""
        event = json.loads(data)
        seq = event["seq"]
        if type(seq) is not int:  # JSON has true and 2.0, which equal numbers
            raise TypeError("seq is no integer")
        if self.head is not None and seq == self.head + 1:
            self._deliver(log.Entry(seq, event["type"], data.decode()))
        else:
            self.note_head(seq)

    def note_head(self, seq: int) -> None:
        """The log has events up to ``seq`` at least: read those that are missing here."""
        self._noted_head = max(self._noted_head, seq)
        if self.head is not None and self._noted_head > self.head and self._filling is None:
            self._filling = asyncio.create_task(
                self._fill(), name=f"fill {self.stream}", context=Context()
            )
            self._filling.add_done_callback(self._filled)

    def write_to(self, follower: Follows, encoding: Encoding, write: Write) -> None:
        """Write the events that come to this follower."""
        self.up_to_date.setdefault(encoding, {})[follower] = write

    def stop_writing_to(self, follower: Follows, encoding: Encoding) -> None:
        writes = self.up_to_date.get(encoding, {})
        if writes.pop(follower, None) and not writes:
            del self.up_to_date[encoding]

    async def share(self, read: Callable[[str], T]) -> T:
        """Return ``read(stream)``, called on a thread once for all concurrent callers."""
        if read not in self._reads:
            self._reads[read] = CallBatcher(lambda _: read(self.stream))
        return await self._reads[read](self.stream)

    def restart(self, epoch: str, head: int, reason: str) -> None:
        """The log is not the one that this feed knew: every follower starts again."""
        self.epoch, self.head, self._noted_head, self._missing_sweeps = epoch, head, head, 0
        for follower in tuple(self.followers):
            follower.reset(reason)

    def note_missing(self) -> None:
        """A sweep did not find the stream in the log.

        If the stream's record was deleted, its sockets are closed before the third such sweep.
        Otherwise an older backup was restored, and every follower starts again.
        """
        self._missing_sweeps += 1
        if self._missing_sweeps < MISSING_SWEEPS:
            return
        self._stop_filling()
        self._missing_sweeps, self._noted_head = 0, 0
        self.epoch, self.head = "", None
        for follower in tuple(self.followers):
            follower.reset("epoch_changed")

    def connections(self) -> tuple[set[int], int]:
        """The connections that follow the stream, and how many followers are behind."""
        up_to_date = sum(map(len, self.up_to_date.values()))
        connections = {follower.connection for follower in self.followers}
        return connections, max(len(self.followers) - up_to_date, 0)

    def close(self) -> None:
        self._stop_filling()
        for read in self._reads.values():
            read.close()

    def _stop_filling(self) -> None:
        if self._filling:
            self._filling.cancel()

    def _deliver(self, entry: log.Entry) -> None:
        began = perf_counter()
        before = self.head
        follows = entry.seq == before + 1  # else the events between are no longer in the log
        # First, so that text which cannot be encoded changes nothing.
        frames = {e: e.event(self, entry) for e in self.up_to_date} if follows else {}
        self.head = entry.seq
        behind: list[Follows] = []
        written = 0
        # Copies: a follower may stop while an event is written to it.
        for encoding, writes in tuple(self.up_to_date.items()):
            if follows:
                frame = frames[encoding]
                # This runs for every event and socket, so it does nothing but the write.
                full = [follower for follower, write in writes.copy().items() if not write(frame)]
            else:
                full = list(writes)
            written += len(writes) - len(full)
            behind += full
        metrics.tally.delivered(self.stream, entry.text, written, perf_counter() - began)
        for follower in behind:
            follower.fall_behind(before)
        if entry.type == log.LAST_TYPE:
            for writes in tuple(self.up_to_date.values()):
                for follower in tuple(writes):
                    follower.on_last()

    async def _fill(self) -> None:
        while self._noted_head > self.head:
            page = await in_thread(log.read, self.stream, self.head)
            # Redis may have brought some of these while the log was read.
            fresh = [entry for entry in page if entry.seq > self.head]
            if not fresh:
                await self._handle_absent_events()
                return
            metrics.HEALED.inc(len(fresh))
            counts.add("healed", self.stream, len(fresh))
            for entry in fresh:
                self._deliver(entry)

    async def _handle_absent_events(self) -> None:
        """Events that Redis announced are not in the log: pruned, or never logged."""
        position = await in_thread(log.position, self.stream)
        self._noted_head = min(self._noted_head, position.head)
        if position.floor > self.head:
            self.restart(position.epoch, position.head, "pruned")

    def _filled(self, task: asyncio.Task[None]) -> None:
        self._filling = None
        if not task.cancelled() and (error := task.exception()):
            # The next sweep tries again.
            logger.warning("%s: the log could not be read (%s)", self.stream, error)
