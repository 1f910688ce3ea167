"""A socket that ends in any state leaves nothing: no follower, no slot, no frame."""

import asyncio
from threading import Event as ThreadEvent

import pytest

from realtime import log
from realtime.delivery.feed import PAGES_AT_ONCE
from realtime.delivery.follower import Follower
from realtime.delivery.hub import Hub
from realtime.log import Entry
from realtime.servers.encodings import SOCKETS
from realtime.servers.writer import Writer
from tests.waiting import comes_true

TEXTS = SOCKETS.json[False]


class Far(Writer):
    """A far end that takes so many texts."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.texts: list[str] = []
        self.waits = asyncio.Event()

    def write(self, text: str) -> bool:
        if len(self.texts) < self.takes:
            self.texts.append(text)
            return True
        return False

    async def drained(self) -> None:
        if len(self.texts) >= self.takes:
            self.waits.set()
            await asyncio.Event().wait()


@pytest.mark.parametrize("state", ["begun", "reading", "waiting for a turn", "stuck", "level"])
async def test_nothing_stays_of_who_goes(monkeypatch, state):
    reading, goes_on = ThreadEvent(), ThreadEvent()

    def read(stream: str, since: int, *, size: int) -> list[Entry]:
        reading.set()
        assert goes_on.wait(30)
        return [Entry(seq, "task_start", f'{{"seq": {seq}}}') for seq in range(since + 1, 4)]

    monkeypatch.setattr(log, "read", read)
    hub = Hub()
    hub.add("run:1")
    feed = hub.feeds["run:1"]
    feed.start(log.Position("epoch", head=3, floor=0, closed=False))
    far = Far(takes=1 if state == "stuck" else 9)
    follower = Follower(
        feed, far, TEXTS, on_last=pytest.fail, on_reset=pytest.fail, on_failure=pytest.fail
    )
    try:
        if state == "waiting for a turn":
            for _ in range(PAGES_AT_ONCE):
                await feed.page_slots.acquire()
        follower.start(3 if state == "level" else 0)
        if state == "reading":
            await comes_true(reading.is_set)
        elif state == "waiting for a turn":
            await asyncio.sleep(0)
        elif state == "stuck":
            goes_on.set()
            await comes_true(far.waits.is_set)
        sent, task = list(far.texts), follower._task
        follower.stop()
        goes_on.set()
        if task:
            await asyncio.wait([task], timeout=30)
            assert task.cancelled()
        if state == "waiting for a turn":
            for _ in range(PAGES_AT_ONCE):
                feed.page_slots.release()
        feed.receive(b'{"type": "task_start", "seq": 4}')
        assert far.texts == sent
        assert (feed.followers, feed.up_to_date) == (set(), {})
        async with asyncio.timeout(30):  # every turn is free again
            for _ in range(PAGES_AT_ONCE):
                await feed.page_slots.acquire()
    finally:
        goes_on.set()
        await hub.close()
