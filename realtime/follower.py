"""One socket's place in one stream."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from realtime import log, metrics
from realtime.threads import in_thread
from realtime.writers import Writer

if TYPE_CHECKING:
    from realtime.hub import Feed

PAGE_BYTES = 128 * 1024  # read at once for a socket, which takes about as much
STUCK_S = 30.0  # a socket that takes nothing for this long is given up


class TooSlow(Exception):
    """The socket has taken nothing for ``STUCK_S`` seconds."""


class Follower:
    """Sends a stream to a socket from a position on: from the log until it is level with the feed,
    which from then on writes to the socket itself.

    A socket that takes no more falls back to the log, so what waits for it is a number, not a
    queue. ``on_last()`` is called when the stream's last event has been written,
    ``on_reset(reason)`` when the position means nothing any more, ``on_failure(error)`` when the
    socket cannot be served.
    """

    __slots__ = ("_on_failure", "_on_reset", "_position", "_task", "_writer", "feed", "on_last")

    def __init__(
        self,
        feed: "Feed",
        writer: Writer,
        *,
        on_last: Callable[[], None],
        on_reset: Callable[[str], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.feed = feed
        self.on_last = on_last
        self._position = 0  # up to here it has been sent; means nothing while it is level
        self._writer = writer
        self._on_reset = on_reset
        self._on_failure = on_failure
        self._task: asyncio.Task[None] | None = None

    def start(self, position: int) -> None:
        """Send everything after ``position``."""
        self._position = position
        self.feed.followers.add(self)
        self._catch_up()

    def fall_behind(self, position: int) -> None:
        """The socket was sent nothing after ``position``: the rest comes from the log."""
        self._position = max(position, self._position)  # it may be ahead of the feed
        del self.feed.level[self]
        self._catch_up()

    def reset(self, reason: str) -> None:
        self.stop()
        metrics.RESETS.labels(reason).inc()
        self._on_reset(reason)

    def stop(self) -> None:
        self.feed.followers.discard(self)
        self.feed.level.pop(self, None)
        if self._task and self._task is not asyncio.current_task():
            self._task.cancel()
        self._task = None

    def _catch_up(self) -> None:
        if self._position >= self.feed.head:
            self._level()
            return
        self._task = asyncio.create_task(self._read_log(), name=f"catch up {self.feed.stream}")
        self._task.add_done_callback(self._caught_up)

    def _level(self) -> None:
        ahead = self._position > self.feed.head
        self.feed.level[self] = self._skip if ahead else self._writer.write

    def _skip(self, text: str, frame: bytes) -> bool:
        """It has had this event: what it started from was read when the feed had not come so far."""
        if self.feed.head >= self._position:
            self.feed.level[self] = self._writer.write
        return True

    async def _read_log(self) -> None:
        while self._position < self.feed.head:
            await self._drained()  # holds nothing while the socket takes nothing
            async with self.feed.turns:
                follows = await self._write_page()
            if not follows:
                await self._start_afresh()
                return
        # Nothing is awaited between the last comparison and this, so no event falls between.
        self._level()

    async def _write_page(self) -> bool:
        """Write what the socket takes of the next page; ``False`` where the log has no such page."""
        page = await in_thread(log.read, self.feed.stream, self._position, size=PAGE_BYTES)
        if not page or page[0].seq != self._position + 1:
            return False
        metrics.CATCH_UP_PAGES.inc()
        if written := page[: self._writer.write_some([entry.text for entry in page])]:
            self._position = written[-1].seq
            if written[-1].type == log.LAST_TYPE:
                self.on_last()
        return True

    async def _start_afresh(self) -> None:
        """What comes next is not in the log: it was pruned, or what was published was never logged."""
        stands = await in_thread(log.position, self.feed.stream)
        if self._position < stands.floor:
            self.reset("pruned")
        else:
            self.feed.restart(stands.epoch, stands.head, "ahead")

    async def _drained(self) -> None:
        try:
            async with asyncio.timeout(STUCK_S):
                await self._writer.drained()
        except TimeoutError:
            raise TooSlow from None

    def _caught_up(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._on_failure(error)
