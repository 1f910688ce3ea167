"""A follower that stops while an event is written to it: all others still get the event."""

import asyncio
import json
from uuid import uuid4

import pytest

from realtime import log
from realtime.delivery import run_follower
from realtime.delivery.feed import Feed
from realtime.delivery.follower import Follower
from realtime.delivery.run_follower import Frames, RunFollower
from realtime.log import streams
from realtime.replay.merging import ReplayPosition
from realtime.replay.pages import Page
from realtime.servers.encodings import SOCKETS
from realtime.tests.test_follower import Far
from runs.models import Run

HEAD = 5


class Reader:
    """Stops after the first event, as a client of AG-UI does when a call waits for approval."""

    def __init__(self, run: Run, *, fails: bool) -> None:
        self.follower = RunFollower(run, self)
        self.fails = fails
        self.taken: Frames = []
        self.errors: list[BaseException] = []

    def receive(self, frames: Frames) -> bool:
        if self.fails and frames:
            raise ValueError("an event that cannot be mapped")
        self.taken += frames
        return True

    async def drained(self) -> None:
        pass

    def caught_up(self, place: ReplayPosition) -> None:
        if self.taken:
            self.follower.stop()

    def was_reset(self, reason: str) -> None:
        pytest.fail(reason)

    def failed(self, error: BaseException) -> None:
        self.errors.append(error)


@pytest.mark.parametrize("fails", [False, True])
async def test_others_get_the_event_at_which_a_follower_stops(monkeypatch, fails):
    run = Run(pk=uuid4(), crew_id=uuid4())
    positions = {
        name: log.Position("epoch", head=HEAD, floor=0, closed=False)
        for name in (streams.run(run.pk), streams.graph(run.crew_id))
    }
    monkeypatch.setattr(run_follower, "read", lambda *_: Page([], True, positions))
    feeds = [Feed(name) for name in positions]
    readers = [Reader(run, fails=fails) for _ in range(2)]
    for reader in readers:
        for feed in feeds:
            reader.follower.join(feed)
        reader.follower.start(ReplayPosition("", HEAD, HEAD), positions)
    far = Far()
    Follower(
        feeds[0], far, SOCKETS.json[False], on_last=pytest.fail, on_reset=pytest.fail,
        on_failure=pytest.fail,
    ).start(HEAD)  # fmt: skip
    async with asyncio.timeout(30):
        await asyncio.gather(*(reader.follower._task for reader in readers))
    event = {"type": "task_start", "timestamp": "", "run_id": str(run.pk), "seq": HEAD + 1}
    feeds[0].receive(json.dumps(event).encode())
    assert [len(reader.errors if fails else reader.taken) for reader in readers] == [1, 1]
    assert len(far.texts) == 1
    assert all(list(feed.up_to_date) in ([], [SOCKETS.json[False]]) for feed in feeds)
