"""Delivery within one process: the feeds of its streams, and a periodic check that reads
missed events from the log.

The check, or sweep, compares the feeds' heads with the log once a second. So an event that Redis
lost comes about a second late, and nothing else is lost.
"""

import asyncio
import logging
from contextvars import Context

from django.conf import settings

from realtime import log, metrics
from realtime.delivery.feed import PAGES_AT_ONCE, Feed
from realtime.delivery.threads import CallBatcher, in_thread
from realtime.delivery.ticks import tick
from realtime.failures import log_failure

logger = logging.getLogger(__name__)


class Hub:
    def __init__(self) -> None:
        self.feeds: dict[str, Feed] = {}
        self._page_slots = asyncio.Semaphore(PAGES_AT_ONCE)
        self._existing = CallBatcher(log.existing_positions)
        self._sweep_now = asyncio.Event()
        # The first socket creates the task. Its log lines must not carry that socket's context.
        self._sweeper = asyncio.create_task(self._sweep_for_ever(), name="sweep", context=Context())

    def add(self, stream: str) -> None:
        """Make the stream's feed."""
        self.feeds[stream] = Feed(stream, self._page_slots)

    def receive(self, stream: str, data: bytes) -> None:
        """Take an event that came through Redis."""
        if feed := self.feeds.get(stream):
            try:
                feed.receive(data)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                # Anyone with the Redis password can publish. Only the log is trusted.
                logger.warning("%s: dropped a message that is no valid event: %s", stream, error)

    async def positions(self, *streams: str) -> dict[str, log.Position]:
        """The positions of these streams, and perhaps of others; see `log.position`."""
        found = await self._existing(*streams)
        if missing := [stream for stream in streams if stream not in found]:
            # This may wait for a lock, so it is not shared with other callers.
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
                feed.note_missing()
                continue
            epoch, head = found[name]
            if epoch != feed.epoch:
                feed.restart(epoch, head, "epoch_changed")
            elif head < known[name]:
                feed.restart(epoch, head, "ahead")
            else:
                feed.note_head(head)

    async def close(self) -> None:
        self._sweeper.cancel()
        await asyncio.gather(self._sweeper, return_exceptions=True)
        self._existing.close()
        for feed in self.feeds.values():
            feed.close()

    async def _sweep_for_ever(self) -> None:
        while True:
            await tick(settings.REALTIME_SWEEP_S, self._sweep_now)
            self._sweep_now.clear()
            try:
                await self.sweep()
                metrics.SWEEPS.inc()
            except Exception as error:  # without sweeps, events that Redis lost would never come
                metrics.SWEEP_FAILURES.inc()
                log_failure(logger, "The log could not be swept", error)
            metrics.tally.flush()
