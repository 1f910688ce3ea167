"""The position of one socket in one stream."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from realtime import log, metrics
from realtime.counting import counts
from realtime.delivery.feed import Feed
from realtime.delivery.stuck_readers import wait_until_drained
from realtime.delivery.threads import in_thread
from realtime.servers.encodings import Encoding
from realtime.servers.writer import Writer

PAGE_BYTES = 128 * 1024  # read at once for a socket; about as much as a socket takes
NO_TURNS: AbstractAsyncContextManager = nullcontext()


class Follower:
    """Sends a stream to a socket, beginning after a position.

    It reads the log until it has reached the feed's head. From then on the feed writes to the
    socket itself. A socket that can take no more data falls back to the log: the process keeps a
    number for it, not a queue.

    ``on_last()`` is called after the stream's last event was written, ``on_reset(reason)`` when
    the position is no longer valid, ``on_failure(error)`` when the socket cannot be served. While
    a follower reads a page it holds ``turn``, which the followers of a socket may share.
    """

    __slots__ = (
        "_encoding",
        "_on_failure",
        "_on_reset",
        "_position",
        "_task",
        "_turn",
        "_writer",
        "feed",
        "on_last",
    )

    def __init__(
        self,
        feed: Feed,
        writer: Writer,
        encoding: Encoding,
        *,
        on_last: Callable[[], None],
        on_reset: Callable[[str], None],
        on_failure: Callable[[BaseException], None],
        turn: AbstractAsyncContextManager = NO_TURNS,
    ) -> None:
        self.feed = feed
        self.on_last = on_last
        self._position = 0  # the last seq sent; not maintained while the feed writes
        self._writer = writer
        self._encoding = encoding
        self._on_reset = on_reset
        self._on_failure = on_failure
        self._turn = turn
        self._task: asyncio.Task[None] | None = None

    @property
    def connection(self) -> int:
        """The same number for all followers of one socket."""
        return id(self._writer)

    def start(self, position: int) -> None:
        """Send all events after ``position``."""
        self._position = position
        self.feed.followers.add(self)
        self._catch_up()

    def fall_behind(self, position: int) -> None:
        """The socket was sent nothing after ``position``: the rest comes from the log."""
        self._position = max(position, self._position)  # it may be ahead of the feed
        self.feed.stop_writing_to(self, self._encoding)
        metrics.FELL_BEHIND.inc()
        counts.add("fell_behind", self.feed.stream)
        self._catch_up()

    def reset(self, reason: str) -> None:
        self.stop()
        metrics.RESETS.labels(reason).inc()
        self._on_reset(reason)

    def stop(self) -> None:
        self.feed.followers.discard(self)
        self.feed.stop_writing_to(self, self._encoding)
        if self._task and self._task is not asyncio.current_task():
            self._task.cancel()
        self._task = None

    def _catch_up(self) -> None:
        if self._position >= self.feed.head:
            self._let_feed_write()
            return
        self._task = asyncio.create_task(self._read_log(), name=f"catch up {self.feed.stream}")
        self._task.add_done_callback(self._caught_up)

    def _let_feed_write(self) -> None:
        is_ahead = self._position > self.feed.head
        write = self._skip if is_ahead else self._writer.write
        self.feed.write_to(self, self._encoding, write)

    def _skip(self, frame: Any) -> bool:
        """Write nothing: the socket has this event already.

        Its snapshot was read from the log before the feed had reached the same position.
        """
        if self.feed.head >= self._position:
            self.feed.write_to(self, self._encoding, self._writer.write)
        return True

    async def _read_log(self) -> None:
        while self._position < self.feed.head:
            async with self._turn:
                await wait_until_drained(self._writer)  # a socket that takes no data holds no slot
                async with self.feed.page_slots:
                    follows = await self._write_page()
            if not follows:
                await self._handle_absent_page()
                return
        # Nothing is awaited between the last comparison and this, so no event is lost between.
        self._let_feed_write()

    async def _write_page(self) -> bool:
        """Write as much of the next page as the socket takes. ``False``: there is no next page."""
        page = await in_thread(log.read, self.feed.stream, self._position, size=PAGE_BYTES)
        if not page or page[0].seq != self._position + 1:
            return False
        metrics.CATCH_UP_PAGES.inc()
        # Each socket reads its own pages, so they would be compressed once for each of them.
        frames = (self._encoding.unshared.event(self.feed, entry) for entry in page)
        if written := page[: self._writer.write_some(frames)]:
            self._position = written[-1].seq
            if written[-1].type == log.LAST_TYPE:
                self.on_last()
        return True

    async def _handle_absent_page(self) -> None:
        """The next event is not in the log: it was pruned, or it was published but never logged."""
        logged = await in_thread(log.position, self.feed.stream)
        if self._position < logged.floor:
            self.reset("pruned")
        else:
            self.feed.restart(logged.epoch, logged.head, "ahead")

    def _caught_up(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._on_failure(error)
