"""Follows the two streams of a run as one, in order of time: for readers that keep its state."""

import asyncio
from functools import partial
from typing import Any, NamedTuple, Protocol

import msgspec

from realtime import log, metrics
from realtime.counting import counts
from realtime.delivery.feed import Feed
from realtime.delivery.threads import in_thread
from realtime.log import streams
from realtime.replay import merging
from realtime.replay.merging import ReplayPosition
from realtime.replay.pages import Page, read
from realtime.servers.encodings import Encoding, Numbered
from runs.events.encoding import iso_utc
from runs.models import Run
from runs.models.timespan import MAX_CLOCK_SKEW

EVENTS_AT_ONCE = 50  # given to the reader at once: other sockets wait as long as it maps them

Frames = list[dict[str, Any]]


class Reader(Protocol):
    """The methods that a `RunFollower` calls."""

    def receive(self, frames: Frames) -> bool:
        """Receive the next events of the run. ``False``: call `drained` before the next ones."""

    async def drained(self) -> None:
        """Return when it can take more. Raises ``TooSlow``."""

    def caught_up(self, place: ReplayPosition) -> None:
        """All events of the log have been taken, up to ``place``."""

    def was_reset(self, reason: str) -> None:
        """The streams are not those that it has read: no event follows."""

    def failed(self, error: BaseException) -> None: ...


class Decoded(NamedTuple):
    seq: int
    frame: dict[str, Any]


class _Decoding(Encoding):
    """Decodes each event, once for all followers of the process."""

    def event(self, feed: Numbered, entry: log.Entry) -> Any:
        return Decoded(entry.seq, msgspec.json.decode(entry.text))


DECODING = _Decoding(str)


class Side:
    """The follower in one of the streams, as its `Feed` and its socket see it."""

    def __init__(self, feed: Feed, follower: "RunFollower") -> None:
        self.feed = feed
        self._follower = follower
        self.connection = id(follower)

    def on_last(self) -> None:
        """The follower looks at the events themselves."""

    def fall_behind(self, position: int) -> None:
        self._follower.read_log()

    def reset(self, reason: str) -> None:
        self._follower.reset(reason)

    def stop(self) -> None:
        self._follower.stop()


class RunFollower:
    """Gives a reader all events of a run after a place, until the run's end.

    It reads the log in order of time. From then on the feeds give it each event as it comes. If the
    reader cannot take more, it reads the log again from where it was.
    """

    def __init__(self, run: Run, reader: Reader) -> None:
        self._run = run
        self._reader = reader
        self.sides: dict[str, Side] = {}
        self._of_run = streams.run(run.pk)
        self._place = ReplayPosition("", 0, 0)
        self._last: str | None = None  # no event after this time belongs to the run
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def join(self, feed: Feed) -> Side:
        """Follow the feed of one of the run's streams. Both are needed before the start."""
        side = self.sides[feed.stream] = Side(feed, self)
        return side

    def start(self, place: ReplayPosition, positions: dict[str, log.Position]) -> None:
        """Give all events after ``place``."""
        self._place = place
        for stream, side in self.sides.items():
            side.feed.start(positions[stream])
            side.feed.followers.add(side)
            side.feed.write_to(side, DECODING, partial(self._receive, stream))
        self.read_log()

    def stop(self) -> None:
        self._stopped = True
        for side in self.sides.values():
            side.feed.followers.discard(side)
            side.feed.stop_writing_to(side, DECODING)
        if self._task and self._task is not asyncio.current_task():
            self._task.cancel()

    def reset(self, reason: str) -> None:
        if not self._stopped:
            self.stop()
            metrics.RESETS.labels(reason).inc()
            self._reader.was_reset(reason)

    def read_log(self) -> None:
        """Take the next events from the log. Meanwhile events of the feeds are ignored."""
        if self._task is None and not self._stopped:
            self._task = asyncio.create_task(self._read_log(), name=f"catch up {self._of_run}")
            self._task.add_done_callback(self._read)

    def _seq(self, stream: str) -> int:
        return self._place.run_seq if stream == self._of_run else self._place.graph_seq

    def _receive(self, stream: str, event: Decoded) -> bool:
        """Take an event from a feed. Always ``True``: this follower itself reads missed events."""
        if self._task or self._stopped or event.seq <= self._seq(stream):
            return True
        if event.seq != self._seq(stream) + 1:
            self.read_log()
            return True
        try:
            self._take_live(stream, event)
        except Exception as error:  # the feed continues with its other followers
            self.stop()
            self._reader.failed(error)
        return True

    def _take_live(self, stream: str, event: Decoded) -> None:
        at = max(self._place.at, event.frame["timestamp"])
        if stream == self._of_run:
            self._place = self._place._replace(at=at, run_seq=event.seq)
        else:
            self._place = self._place._replace(at=at, graph_seq=event.seq)
        if event.frame["run_id"] != str(self._run.pk):
            return
        if not self._take([event.frame]):
            metrics.FELL_BEHIND.inc()
            counts.add("fell_behind", stream)
            self.read_log()
        elif self._last is not None:  # the other stream may have events that did not come yet
            self.read_log()
        else:
            self._reader.caught_up(self._place)

    def _take(self, frames: Frames) -> bool:
        for frame in frames:
            if frame["type"] == log.LAST_TYPE:
                end = merging.parsed(max(self._place.at, frame["timestamp"]))
                self._last = iso_utc(end + MAX_CLOCK_SKEW)
        return self._reader.receive(frames)

    async def _read_log(self) -> None:
        while True:
            await self._reader.drained()
            async with self.sides[self._of_run].feed.page_slots:
                # Before the log is read: an event may come while the thread hands its page on.
                heads = {name: side.feed.head for name, side in self.sides.items()}
                page = await in_thread(read, self._run, self._place, self._last)
            if isinstance(page, str):
                self.reset(page)
                return
            metrics.CATCH_UP_PAGES.inc()
            for first in range(0, len(page.events), EVENTS_AT_ONCE):
                some = page.events[first : first + EVENTS_AT_ONCE]
                self._place = some[-1].place
                if not self._take([one.frame for one in some if one.frame is not None]):
                    await self._reader.drained()
                await asyncio.sleep(0)
            if page.is_last and (self._last is not None or self._is_at_head()):
                return  # nothing is awaited before the feeds' next event
            if page.is_last and not page.events and self._restart_feeds(page, heads):
                return

    def _is_at_head(self) -> bool:
        return all(self._seq(name) >= side.feed.head for name, side in self.sides.items())

    def _restart_feeds(self, page: Page, heads: dict[str, int]) -> bool:
        """Whether a feed has events that were published but never logged.

        ``heads``: of the feeds, before the page was read.
        """
        ahead = [
            side.feed
            for name, side in self.sides.items()
            if name in page.positions and heads[name] > page.positions[name].head
        ]
        for feed in ahead:
            position = page.positions[feed.stream]
            feed.restart(position.epoch, position.head, "ahead")
        return bool(ahead)

    def _read(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled() or self._stopped:
            return
        if error := task.exception():
            self.stop()
            self._reader.failed(error)
        elif self._last is None and not self._is_at_head():
            self.read_log()  # an event has come since
        else:
            self._reader.caught_up(self._place)
