"""A follower of both streams of a run that finds its log and its feeds at different heads."""

import asyncio
import json
from collections.abc import Callable
from uuid import uuid4

import pytest

from realtime import log
from realtime.delivery import run_follower
from realtime.delivery.feed import Feed
from realtime.delivery.follower import Follower
from realtime.delivery.run_follower import Frames, RunFollower
from realtime.log import streams
from realtime.replay.merging import Logged, ReplayPosition
from realtime.replay.pages import Page
from realtime.servers.encodings import SOCKETS
from realtime.tests.test_follower import Far
from runs.models import Run
from tests.waiting import comes_true

HEAD = 5


class Reader:
    def __init__(self) -> None:
        self.place: ReplayPosition | None = None
        self.resets: list[str] = []

    def receive(self, frames: Frames) -> bool:
        return True

    async def drained(self) -> None:
        """It takes everything."""

    def caught_up(self, place: ReplayPosition) -> None:
        self.place = place

    def was_reset(self, reason: str) -> None:
        self.resets.append(reason)

    def failed(self, error: BaseException) -> None:
        raise error


class Story:
    """A run, whose reader catches up, and another socket on the graph of its crew.

    ``logged`` is the head of the graph in the log.
    """

    def __init__(self) -> None:
        self.run = Run(pk=uuid4(), crew_id=uuid4())
        self.of_run, self.of_graph = streams.run(self.run.pk), streams.graph(self.run.crew_id)
        self.logged = HEAD
        self.feeds = {name: Feed(name) for name in (self.of_run, self.of_graph)}
        self.reader, self.far = Reader(), Far()
        self.resets: list[str] = []  # of the other socket

    def start(self) -> None:
        positions = self.positions()
        self.feeds[self.of_graph].start(positions[self.of_graph])
        Follower(
            self.feeds[self.of_graph], self.far, SOCKETS.json[False], on_last=pytest.fail,
            on_reset=self.resets.append, on_failure=pytest.fail,
        ).start(HEAD)  # fmt: skip
        follower = RunFollower(self.run, self.reader)
        for feed in self.feeds.values():
            follower.join(feed)
        follower.start(ReplayPosition("", HEAD, HEAD), positions)

    def positions(self) -> dict[str, log.Position]:
        heads = {self.of_run: HEAD, self.of_graph: self.logged}
        return {name: log.Position("epoch", head, 0, False) for name, head in heads.items()}

    def read(self, run: Run, place: ReplayPosition, last: str | None) -> Page:
        """The log: the events are those of another run of the crew."""
        events = []
        while place.graph_seq < self.logged:
            place = place._replace(graph_seq=place.graph_seq + 1)
            events.append(Logged(place, "graph", None, 0))
        return Page(events, True, self.positions())

    def publish(self) -> None:
        event = {"type": "tool_start", "timestamp": "", "run_id": "another", "seq": HEAD + 1}
        self.feeds[self.of_graph].receive(json.dumps(event).encode())


@pytest.fixture
def story() -> Story:
    return Story()


def reads_with(monkeypatch, story: Story, after_the_first: Callable[[], None]) -> None:
    """Have the follower read the log of the story; the loop runs that before it has the page."""
    loop = asyncio.get_running_loop()
    reads = 0

    def read(*arguments) -> Page:
        nonlocal reads
        reads += 1
        page = story.read(*arguments)
        if reads == 1:
            loop.call_soon_threadsafe(after_the_first)
        return page

    monkeypatch.setattr(run_follower, "read", read)


async def test_an_event_that_comes_while_the_log_is_read_resets_nobody(monkeypatch, story):
    def commit_and_publish() -> None:
        story.logged += 1
        story.publish()

    reads_with(monkeypatch, story, commit_and_publish)
    story.start()
    await comes_true(lambda: story.reader.place or story.reader.resets)
    assert story.reader.place == ReplayPosition("", HEAD, HEAD + 1)
    assert (story.reader.resets, story.resets) == ([], [])
    assert len(story.far.texts) == 1


async def test_an_event_that_was_published_and_never_logged_resets_all(monkeypatch, story):
    reads_with(monkeypatch, story, story.publish)
    story.start()
    await comes_true(lambda: story.reader.resets)
    assert (story.reader.resets, story.resets) == (["ahead"], ["ahead"])
