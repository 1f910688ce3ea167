"""A socket's place in a stream beside its feed's: level with it, behind it, ahead of it."""

import pytest

from realtime import log
from realtime.follower import Follower
from realtime.hub import Feed
from realtime.log import Entry


class Far:
    """The writer of a socket whose far end may take nothing."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.takes = True

    def write(self, text: str, frame: bytes) -> bool:
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
        feed, far, on_last=lambda: None, on_reset=lambda reason: None, on_failure=lambda error: None
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

    def read(stream: str, since: int) -> list[Entry]:
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
