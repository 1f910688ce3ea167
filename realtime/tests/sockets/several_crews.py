"""A graph socket of all crews, without a server: its user's crews, its process and its client."""

import asyncio
import json
from collections import defaultdict
from typing import Any
from uuid import UUID

from realtime import log
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.feed import Feed
from realtime.delivery.grants import Grant
from realtime.log import streams
from realtime.servers.writer import EXTENSION, Writer
from realtime.sockets.graph import GraphConsumer
from realtime.tests.delivery.parts import Layer
from tests.waiting import comes_true

A, X, Y = (UUID(int=number) for number in (1, 2, 3))
NAMES = {streams.graph(A): "A", streams.graph(X): "X", streams.graph(Y): "Y"}


def seeing(*crews: UUID) -> Grant:
    """The grant of a member who sees these crews."""
    return Grant(active=True, member=True, crews=dict.fromkeys(crews, 1))


class Far(Writer):
    """A client that takes ``room`` more frames. ``waits``: whether a frame waits for room."""

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.code: int | None = None
        self.room = 1000
        self.waits = False
        self._has_room = asyncio.Event()

    def write(self, frame: str) -> bool:
        if self.code is not None:
            return True
        if not self.room:
            return False
        self.room -= 1
        taken = json.loads(frame)
        self.frames.append(f"{taken['type']} {NAMES[taken['stream']]}")
        return True

    def read(self, frames: int = 1000) -> None:
        self.room = frames
        self._has_room.set()

    async def drained(self) -> None:
        self.waits = True
        self._has_room.clear()
        await self._has_room.wait()
        self.waits = False

    async def close(self, code: int, reason: str) -> None:
        self.code = code
        self._has_room.set()

    def stop(self) -> None:
        """It has no task."""


class Crews(Layer):
    """The process with the socket, which is the only one."""

    def __init__(self) -> None:
        super().__init__()
        self.far = Far()
        self.socket = GraphConsumer()
        self.watched: set[Any] = set()
        self.access.add, self.access.discard = self.watched.add, self.watched.discard
        self.hub.positions = self.positions
        self.heads = dict.fromkeys(NAMES, 5)  # of the log
        self.members: defaultdict[str, set[str]] = defaultdict(set)
        self.joins = ""  # the stream that it has joined last, or joins now
        self.joining, self.answering = asyncio.Event(), asyncio.Event()  # cleared: it takes long
        self.joining.set()
        self.answering.set()
        self._inbox: asyncio.Queue = asyncio.Queue()
        self._grant = seeing()
        self._task: asyncio.Task[None] | None = None

    def open(self, *crews: UUID) -> None:
        self._grant = seeing(*crews)
        self._inbox.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket", "path": "/ws/graph", "headers": [], "query_string": b"",
            "url_route": {"kwargs": {}}, "extensions": {EXTENSION: self.far},
        }  # fmt: skip
        self._task = asyncio.create_task(self.socket(scope, self._inbox.get, self._accept))

    async def end(self) -> None:
        """The client goes away."""
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self._task, timeout=30)

    def check(self, grant: Grant) -> None:
        """Check the socket's access, as once a second."""
        self.socket.access_checked(grant, None, signed_out=False)

    def emit(self, crew: UUID) -> None:
        """An event of the crew is logged, and Redis brings it."""
        stream = streams.graph(crew)
        self.heads[stream] += 1
        if feed := self.hub.feeds.get(stream):
            event = {"type": "tool_start", "stream": stream, "seq": self.heads[stream]}
            feed.receive(json.dumps(event).encode())

    async def seen(self, *frames: str) -> None:
        """Wait until the client has these frames, in this order, and no others."""
        await comes_true(lambda: len(self.far.frames) >= len(frames))
        for _ in range(10):
            await asyncio.sleep(0)
        assert self.far.frames == list(frames)

    # What a node and its channel layer do for the socket.

    async def access_of(self, principal: Any, run_id: Any) -> tuple[Grant, WatchedRun | None]:
        return self._grant, None

    async def positions(self, *names: str) -> dict[str, log.Position]:
        await self.answering.wait()
        return {name: log.Position("epoch", self.heads[name], 0, closed=False) for name in names}

    async def group_add(self, group: str, channel: str) -> None:
        stream = streams.of_group(group)
        self.joins = stream
        await self.joining.wait()
        self.members[stream].add(channel)
        self.hub.feeds.setdefault(stream, Feed(stream))

    async def group_discard(self, group: str, channel: str) -> None:
        stream = streams.of_group(group)
        self.members[stream].remove(channel)
        if not self.members[stream]:
            self.hub.feeds.pop(stream).close()

    async def _accept(self, message: dict[str, Any]) -> None:
        assert message["type"] == "websocket.accept"
