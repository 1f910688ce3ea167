"""The end of an event stream of a complete run: it comes when the client has taken the rest."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import pytest
import uvloop
from uvicorn.protocols.http.flow_control import FlowControl

from realtime.servers import event_stream
from realtime.servers.event_stream import BUFFER_LIMIT, ChunkWriter
from realtime.tests.test_event_stream_writer import cycle_of
from tests.waiting import comes_true

END = b"The run is complete."


class Connection(asyncio.Protocol):
    """uvicorn's part: it notes whether the connection is full, and that it is lost."""

    def __init__(self) -> None:
        self.is_lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.cycle = cycle_of(transport)
        self.flow: FlowControl = self.cycle.flow
        self.writer = ChunkWriter(self.cycle)

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = self.cycle.disconnected = True
        self.flow.resume_writing()


class Story:
    """A response of which so much is unsent, and its client."""

    async def begin(self, unsent: int) -> None:
        loop = asyncio.get_running_loop()
        ours, self._client = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self._client.setblocking(False)
        _, self.connection = await loop.connect_accepted_socket(Connection, ours)
        head = {"type": "http.response.start", "status": 200, "headers": []}
        await self.connection.cycle.send(head)
        while self.unsent() < unsent:
            assert self.connection.writer.write(bytes(500))
        self.closing = asyncio.create_task(self.connection.writer.close(1000, END.decode()))

    def unsent(self) -> int:
        return self.connection.transport.get_write_buffer_size()

    async def read(self, until: Callable[[bytes], bool]) -> bytes:
        received = b""
        while not until(received):
            received += await asyncio.get_running_loop().sock_recv(self._client, 500)
        return received

    async def end(self) -> None:
        with suppress(OSError):
            self._client.close()
        await self.closing
        self.connection.transport.abort()
        await comes_true(lambda: self.connection.is_lost)


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.mark.parametrize("unsent", [BUFFER_LIMIT, BUFFER_LIMIT // 2])
async def test_a_slow_client_gets_the_end(story, unsent, monkeypatch):
    for limit in ("CLOSE_S", "CLOSE_UNREAD_S"):  # far less than the client takes
        monkeypatch.setattr(event_stream, limit, 0.2)
    await story.begin(unsent)
    await story.read(until=lambda _: story.unsent() < unsent // 8)
    await asyncio.sleep(0.5)
    assert not story.closing.done()
    assert END in await story.read(until=lambda received: END in received)
    await story.end()


async def test_a_client_that_does_not_read_is_dropped(story, monkeypatch):
    for limit in ("FLUSH_S", "CLOSE_UNREAD_S"):
        monkeypatch.setattr(event_stream, limit, 0.01)
    await story.begin(BUFFER_LIMIT // 2)
    await comes_true(lambda: story.connection.is_lost)
    await story.end()


def test_a_client_that_has_gone_is_not_waited_for(story):
    """uvloop raises an error if the limits of a lost connection are set."""

    async def lose() -> None:
        await story.begin(0)
        await story.closing
        await comes_true(lambda: story.connection.is_lost)
        with pytest.raises(RuntimeError):
            story.connection.transport.set_write_buffer_limits(high=0)
        async with asyncio.timeout(30):
            await story.connection.writer.close(1000, END.decode())
        await story.end()

    uvloop.run(lose())
