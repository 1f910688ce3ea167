"""A follower's position relative to its feed: up to date, behind, ahead."""

import asyncio
import gc
import weakref
from threading import Event as ThreadEvent
from threading import Lock

import pytest

from realtime import log
from realtime.delivery.feed import PAGES_AT_ONCE, Feed
from realtime.delivery.follower import Follower
from realtime.delivery.hub import Hub
from realtime.delivery.threads import in_thread
from realtime.log import Entry
from realtime.servers.encodings import SOCKETS
from realtime.servers.writer import Writer

TEXTS = SOCKETS.json[False]


class Far(Writer):
    """The writer of a socket whose far end may take nothing."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.takes = True

    def write(self, text: str) -> bool:
        if self.takes:
            self.texts.append(text)
        return self.takes

    async def drained(self) -> None:
        self.takes = True


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture
def feed() -> Feed:
    feed = Feed("run:1")
    feed.start(log.Position("epoch", head=5, floor=0, closed=False))
    return feed


@pytest.fixture
def follower(feed: Feed, far: Far) -> Follower:
    return Follower(
        feed,
        far,
        TEXTS,
        on_last=lambda: None,
        on_reset=lambda reason: None,
        on_failure=lambda error: None,
    )


def publish(feed: Feed, *seqs: int) -> None:
    for seq in seqs:
        feed.receive(b'{"type": "task_start", "seq": %d}' % seq)


def seqs(far: Far) -> list[str]:
    return [text.rpartition(" ")[2].rstrip("}") for text in far.texts]


async def test_who_is_level_is_written_to_at_once(feed, follower, far):
    follower.start(5)
    publish(feed, 6, 7)
    assert seqs(far) == ["6", "7"]


async def test_who_is_ahead_gets_nothing_twice(feed, follower, far):
    """A graph's snapshot may have been read later than the feed has come."""
    follower.start(7)
    publish(feed, 6, 7, 8, 9)
    assert seqs(far) == ["8", "9"]


async def test_who_takes_nothing_reads_the_log_from_there(feed, follower, far, monkeypatch):
    written = [Entry(seq, "task_start", f'{{"seq": {seq}}}') for seq in (6, 7, 8)]
    asked = []

    def read(stream: str, since: int, *, size: int) -> list[Entry]:
        asked.append(since)
        return [entry for entry in written if entry.seq > since]

    monkeypatch.setattr(log, "read", read)
    follower.start(5)
    publish(feed, 6)
    far.takes = False
    publish(feed, 7, 8)
    assert seqs(far) == ["6"]
    await follower._task
    assert asked == [6]
    assert seqs(far) == ["6", "7", "8"]


async def test_who_has_stopped_gets_nothing(feed, follower, far):
    follower.start(5)
    follower.stop()
    publish(feed, 6)
    assert far.texts == []


class Text(str):
    """A text whose end can be seen."""


class Narrow(Far):
    """Takes a few texts, and more each time it has drained."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.left = self.each = takes
        self.waits = asyncio.Event()
        self.goes_on = asyncio.Event()

    def write(self, text: str) -> bool:
        if not self.left:
            return False
        self.left -= 1
        self.texts.append(str(text.encode(), "utf-8"))
        return True

    async def drained(self) -> None:
        if not self.left:
            self.waits.set()
            await self.goes_on.wait()
            self.waits.clear()
            self.left = self.each


async def test_who_waits_holds_no_page(feed, monkeypatch):
    pages: list[weakref.ref] = []

    def read(stream: str, since: int, *, size: int) -> list[Entry]:
        texts = [Text(f'{{"seq": {seq}}}') for seq in range(since + 1, 6)]
        pages.extend(map(weakref.ref, texts))
        return [Entry(since + n, "task_start", text) for n, text in enumerate(texts, start=1)]

    monkeypatch.setattr(log, "read", read)
    narrow = Narrow(takes=2)
    follower = Follower(
        feed, narrow, TEXTS, on_last=pytest.fail, on_reset=pytest.fail, on_failure=pytest.fail
    )
    follower.start(0)
    async with asyncio.timeout(30):
        await narrow.waits.wait()
    gc.collect()
    assert len(pages) == 5
    assert [page for page in pages if page() is not None] == []
    narrow.goes_on.set()
    async with asyncio.timeout(30):
        await follower._task
    assert seqs(narrow) == ["1", "2", "3", "4", "5"]


async def test_however_many_are_behind_others_find_a_thread(monkeypatch):
    """All sockets of a process read a few pages at a time, of whatever streams."""
    goes_on, lock = ThreadEvent(), Lock()
    reading = most = 0

    def read(stream: str, since: int, *, size: int) -> list[Entry]:
        nonlocal reading, most
        with lock:
            reading += 1
            most = max(most, reading)
        assert goes_on.wait(30)
        with lock:
            reading -= 1
        return [Entry(1, "task_start", '{"seq": 1}')]

    monkeypatch.setattr(log, "read", read)
    hub = Hub()
    followers = []
    try:
        for number in range(40):
            hub.add(f"run:{number}")
            feed = hub.feeds[f"run:{number}"]
            feed.start(log.Position("epoch", head=1, floor=0, closed=False))
            followers.append(
                Follower(
                    feed,
                    Far(),
                    TEXTS,
                    on_last=pytest.fail,
                    on_reset=pytest.fail,
                    on_failure=pytest.fail,
                )
            )
            followers[-1].start(0)
        async with asyncio.timeout(30):
            assert await in_thread(lambda: "a newcomer's query") == "a newcomer's query"
            while most < PAGES_AT_ONCE:  # each has a thread of its own to start
                await asyncio.sleep(0.01)
            goes_on.set()
            await asyncio.gather(*(follower._task for follower in followers))
    finally:
        goes_on.set()
        await hub.close()
    assert most == PAGES_AT_ONCE
    assert all(follower in follower.feed.up_to_date[TEXTS] for follower in followers)
