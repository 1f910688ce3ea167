"""Replacements for database calls, the client of a socket, and Redis, for the stateful test."""

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgpack

from realtime import log
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.feed import Feed
from realtime.delivery.grants import NOTHING, Grant
from realtime.delivery.hub import Hub
from realtime.log import streams
from realtime.servers.writer import Writer
from realtime.sockets.base import StreamConsumer
from realtime.sockets.consumer import Admission
from realtime.sockets.start_position import NewSocketStart


class Call:
    """A database call of the delivery, held before it is made and before its result is used."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._made = False
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def step(self) -> bool:
        """Make the call, or hand its result on; whether that was all."""
        if not self._made:
            self._result, self._made = self._work(), True
            return False
        if not self.future.done():
            self.future.set_result(self._result)
        return True


class Client(Writer):
    """A socket's far end, which may stop reading; it is the writer the server would offer."""

    opening, welcome = "websocket.connect", "websocket.accept"

    def __init__(self, since: int | None) -> None:
        self.since = since
        self.frames: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.reading = asyncio.Event()
        self.reading.set()

    def request(self) -> dict[str, Any]:
        """What the scope says about the kind of connection and the position."""
        query = b"" if self.since is None else f"since={self.since}".encode()
        return {"type": "websocket", "query_string": query}

    def asks_for(self, stream: str) -> list[dict[str, Any]]:
        """What it sends when it is connected."""
        return []

    def write(self, frame: str) -> bool:
        if self.reading.is_set() and self.closed is None:
            self.take(frame)
        return self.reading.is_set()

    def take(self, frame: str) -> None:
        self.frames.append(json.loads(frame))

    async def drained(self) -> None:
        await self.reading.wait()

    async def close(self, code: int, reason: str) -> None:
        self.closed = code

    def stop(self) -> None:
        pass

    def events(self) -> list[dict[str, Any]]:
        """What it was sent since it last had to start afresh."""
        events: list[dict[str, Any]] = []
        for frame in self.frames:
            if frame["type"] == "reset":
                events = []
            elif "seq" in frame:
                events.append(frame)
        return events

    def resets(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == "reset"]


class Packed(Client):
    """A client that has negotiated MessagePack."""

    def request(self) -> dict[str, Any]:
        return super().request() | {"subprotocols": ["crewops.msgpack"]}

    def take(self, frame: bytes) -> None:
        self.frames.append(msgpack.unpackb(frame))


def nothing(*_: object) -> None:
    """What a part does that this test is not about."""


class Layer:
    """The channel layer without Redis: the test hands the events to the hub."""

    def __init__(self) -> None:
        self.node = self
        self.hub = Hub()
        self.access = SimpleNamespace(add=nothing, discard=nothing, of=self.access_of)
        self.heartbeat = SimpleNamespace(add=nothing, discard=nothing)
        self.connection_counts = SimpleNamespace(
            acquire_of_process=lambda: True,
            release_of_process=nothing,
            acquire=lambda *_: True,
            release=nothing,
        )

    async def access_of(self, principal: None, run_id: None) -> tuple[Grant, None]:
        return NOTHING, None

    async def new_channel(self) -> str:
        return "probe"

    def listen(self, channel: str, hear: object) -> None:
        """No message comes through this layer."""

    def feed(self, stream: str) -> Feed:
        return self.hub.feeds[stream]

    async def group_add(self, group: str, channel: str) -> None:
        stream = streams.of_group(group)
        self.hub.feeds.setdefault(stream, Feed(stream))

    async def group_discard(self, group: str, channel: str) -> None:
        pass


class Probe(StreamConsumer):
    """The consumer under test, on one stream that anyone may follow."""

    kind = "run"

    def __init__(self, stream: str) -> None:
        self.stream = stream

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        return Admission({self.stream})

    async def begin(self, positions: dict[str, log.Position]) -> dict[str, NewSocketStart]:
        return {
            stream: NewSocketStart(position.floor, []) for stream, position in positions.items()
        }

    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        return {self.stream}
