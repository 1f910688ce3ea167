"""Delivery within one process: one cursor per stream, holes filled from the log, sockets fed.

Redis rings a doorbell that carries the letter along. An event that is the next one goes straight to
the sockets; anything else (a hole, an inversion, a lost doorbell) is read from the log. A sweep
compares heads once a second, so what Redis loses costs that second and nothing else.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from contextvars import Context
from typing import TypeVar

from django.conf import settings
from django.db import Error as DatabaseError

from realtime import log, metrics
from realtime.follower import Follower
from realtime.threads import Together, in_thread
from realtime.writers import Write, frame_of

# Pages that are read and written for followers at the same time in this process. However many sockets
# are behind, the pool's threads and the event loop are free for the others.
PAGES_AT_ONCE = 4
MISSES = 3  # sweeps without the stream until it counts as lost

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Feed:
    """One stream in this process: how far it is known, and who follows it."""

    def __init__(self, stream: str, turns: asyncio.Semaphore | None = None) -> None:
        self.stream = stream
        self.turns = turns or asyncio.Semaphore(PAGES_AT_ONCE)  # to read a page for a follower
        self.epoch = ""
        self.head: int | None = None  # None until it has been read from the log
        self.followers: set[Follower] = set()
        self.level: dict[Follower, Write] = {}  # those who have had everything up to the head
        self._missed = 0  # sweeps that did not find the stream
        self._rung = 0  # the newest seq a doorbell or a sweep spoke of
        self._filling: asyncio.Task[None] | None = None
        self._reads: dict[Callable, Together] = {}

    def start(self, position: log.Position) -> None:
        """Take the stream's place from the log; a feed that has one keeps it."""
        if self.head is None:
            self.epoch, self.head = position.epoch, position.head
        self.ring(position.head)

    def receive(self, data: bytes) -> None:
        """An event as published: deliver it if it is the next one, else see to what is missing."""
        event = json.loads(data)
        seq = event["seq"]
        if type(seq) is not int:  # JSON has true and 2.0, which equal numbers
            raise TypeError("seq is no integer")
        if self.head is not None and seq == self.head + 1:
            self._deliver(log.Entry(seq, event["type"], data.decode()))
        else:
            self.ring(seq)

    def ring(self, seq: int) -> None:
        """The log has events up to ``seq`` at least."""
        self._rung = max(self._rung, seq)
        if self.head is not None and self._rung > self.head and self._filling is None:
            self._filling = asyncio.create_task(
                self._fill(), name=f"fill {self.stream}", context=Context()
            )
            self._filling.add_done_callback(self._filled)

    async def share(self, read: Callable[[str], T]) -> T:
        """``read(stream)`` on a thread, once for all who ask at the same time."""
        if read not in self._reads:
            self._reads[read] = Together(lambda _: read(self.stream))
        return await self._reads[read](self.stream)

    def restart(self, epoch: str, head: int, reason: str) -> None:
        """The log is another one than this feed knew: every follower starts afresh."""
        self.epoch, self.head, self._rung, self._missed = epoch, head, head, 0
        for follower in tuple(self.followers):
            follower.reset(reason)

    def miss(self) -> None:
        """The log has no such stream. Where what it is about is gone, its sockets are closed before this
        is said for the third time; else an older backup was restored.
        """
        self._missed += 1
        if self._missed < MISSES:
            return
        self._stop_filling()
        self._missed, self._rung = 0, 0
        self.epoch, self.head = "", None
        for follower in tuple(self.followers):
            follower.reset("epoch_changed")

    def close(self) -> None:
        self._stop_filling()
        for read in self._reads.values():
            read.close()

    def _stop_filling(self) -> None:
        if self._filling:
            self._filling.cancel()

    def _deliver(self, entry: log.Entry) -> None:
        before, self.head = self.head, entry.seq
        text, frame = entry.text, frame_of(entry.text)
        if entry.seq == before + 1:
            # For every event and socket: nothing but the write.
            behind = [follower for follower, write in self.level.items() if not write(text, frame)]
        else:  # what lies between is not in the log any more
            behind = list(self.level)
        metrics.tally.delivered(text, len(self.level) - len(behind))
        for follower in behind:
            follower.fall_behind(before)
        if entry.type == log.LAST_TYPE:
            for follower in self.level:
                follower.on_last()

    async def _fill(self) -> None:
        while self._rung > self.head:
            page = await in_thread(log.read, self.stream, self.head)
            # Doorbells may have delivered some of these while the log was read.
            fresh = [entry for entry in page if entry.seq > self.head]
            if not fresh:
                await self._look_why()
                return
            metrics.HEALED.inc(len(fresh))
            for entry in fresh:
                self._deliver(entry)

    async def _look_why(self) -> None:
        """What a doorbell spoke of is not in the log: it was pruned, or it was never logged."""
        stands = await in_thread(log.position, self.stream)
        self._rung = min(self._rung, stands.head)
        if stands.floor > self.head:
            self.restart(stands.epoch, stands.head, "pruned")

    def _filled(self, task: asyncio.Task[None]) -> None:
        self._filling = None
        if not task.cancelled() and (error := task.exception()):
            # The next sweep rings again.
            logger.warning("%s: the log could not be read (%s)", self.stream, error)


class Hub:
    """The feeds of this process, and the sweep that heals them."""

    def __init__(self) -> None:
        self.feeds: dict[str, Feed] = {}
        self._turns = asyncio.Semaphore(PAGES_AT_ONCE)
        self._existing = Together(log.existing_positions)
        self._sweep_now = asyncio.Event()
        # Made by the first socket, but of no socket in particular: nor are its log lines.
        self._sweeper = asyncio.create_task(self._sweep_for_ever(), name="sweep", context=Context())

    def add(self, stream: str) -> None:
        """Make the stream's feed."""
        self.feeds[stream] = Feed(stream, self._turns)

    def receive(self, stream: str, data: bytes) -> None:
        """An event that Redis brought."""
        if feed := self.feeds.get(stream):
            try:
                feed.receive(data)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                # Anyone with the Redis password can publish; only the log is believed.
                logger.warning("%s: no event: %s", stream, error)

    async def positions(self, *streams: str) -> dict[str, log.Position]:
        """Where these streams stand, and others; see `log.position`."""
        found = await self._existing(*streams)
        if missing := [stream for stream in streams if stream not in found]:
            # This may wait for a lock, so nobody shares it.
            found = found | await in_thread(log.positions, missing)
        return found

    def sweep_soon(self) -> None:
        self._sweep_now.set()

    async def sweep(self) -> None:
        """Compare every feed with the log, in one query."""
        known = {name: feed.head for name, feed in self.feeds.items() if feed.head is not None}
        if not known:
            return
        found = await in_thread(log.heads, known)
        for name in known:
            if (feed := self.feeds.get(name)) is None:
                continue
            if name not in found:
                feed.miss()
                continue
            epoch, head = found[name]
            if epoch != feed.epoch:
                feed.restart(epoch, head, "epoch_changed")
            elif head < known[name]:
                feed.restart(epoch, head, "ahead")
            else:
                feed.ring(head)

    async def close(self) -> None:
        self._sweeper.cancel()
        await asyncio.gather(self._sweeper, return_exceptions=True)
        self._existing.close()
        for feed in self.feeds.values():
            feed.close()

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(settings.REALTIME_SWEEP_S):
                    await self._sweep_now.wait()
            except TimeoutError:
                pass
            self._sweep_now.clear()
            try:
                await self.sweep()
                metrics.SWEEPS.inc()
            except DatabaseError as error:
                metrics.SWEEP_FAILURES.inc()
                logger.warning("The log could not be swept (%s)", error)
            metrics.tally.hand_on()
