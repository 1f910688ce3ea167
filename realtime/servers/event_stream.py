"""Writes Server-Sent Events: the same chunk of an HTTP response to many clients.

A chunk has no bytes of its own connection, so it is prepared once. Our uvicorn offers `ChunkWriter`
in the scope extension ``crewops.writer``. Under any other server `BodyWriter` is used.
"""

import asyncio
import json
import random
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from realtime.close_codes import CloseCode
from realtime.servers.writer import (
    BUFFER_LIMIT,
    CLOSE_S,
    CLOSE_UNREAD_S,
    EXTENSION,
    Frame,
    FrameWriter,
    QueueWriter,
    Send,
    Writer,
)

PREFIXES = ("/sse/", "/agui/")  # of the paths whose responses are event streams
FLUSH_S = 30.0  # limit for a client to take the last events of a complete run, before the end
# Milliseconds in which a peer has to acknowledge the data sent to it, at least the heartbeats.
# Without this limit, a peer that has disappeared without closing its connection would hold it for a
# quarter of an hour.
PEER_TIMEOUT_MS = 80_000
RESTART_SPREAD_MS = 8000  # clients of a server that restarts come back within this time


def end_of(code: int, reason: str) -> str:
    """The last event of a response: it says why the server ends it."""
    wait = f"retry: {random.randrange(RESTART_SPREAD_MS)}\n" if code == CloseCode.RESTARTING else ""
    text = json.dumps({"type": "close", "code": code, "reason": reason}, ensure_ascii=False)
    return f"{wait}event: close\ndata: {text}\n\n"


def event_writer_for(scope: dict[str, Any], send: Send) -> Writer:
    """The server's own writer if it has one, else a `BodyWriter`."""
    own = scope.get("extensions", {}).pop(EXTENSION, None)  # the scope would refer to itself
    return own if own is not None else BodyWriter(send)


class ChunkWriter(FrameWriter):
    """Writes chunks of one response of our uvicorn to its transport."""

    on_restart: Callable[[], None] | None = None  # called when the server is about to end
    end_of: Callable[[int, str], str] = staticmethod(end_of)  # the last text of a response

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._flow = cycle.flow
        self._transport = cycle.transport
        self._transport.set_write_buffer_limits(high=BUFFER_LIMIT)
        connection = self._transport.get_extra_info("socket")
        with suppress(OSError, AttributeError):  # not a TCP socket, or not on this system
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PEER_TIMEOUT_MS)

    def write(self, frame: bytes) -> bool:
        # Called for every event and client.
        if self._flow.write_paused:
            return False
        if not self._cycle.response_complete and not self._transport.is_closing():
            self._transport.write(frame)
        return True

    async def drained(self) -> None:
        await self._flow.drain()

    async def close(self, code: int, reason: str) -> None:
        """End the response and the connection, whether the client reads or not."""
        if code == CloseCode.COMPLETE:
            await self._flush()
        wait_s = CLOSE_UNREAD_S if self._flow.write_paused else CLOSE_S
        asyncio.get_running_loop().call_later(wait_s, self._transport.abort)
        await self._cycle.send(
            {"type": "http.response.body", "body": self.end_of(code, reason).encode()}
        )

    async def _flush(self) -> None:
        """Wait until the client has taken everything, for ``FLUSH_S`` at most."""
        if self._transport.is_closing():
            return
        self._transport.set_write_buffer_limits(high=0)  # it is full until nothing is left
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                await self.drained()

    def stop(self) -> None:
        self.on_restart = None

    def restart(self) -> None:
        """The server is about to end. A client whose response has not begun just reconnects."""
        if self.on_restart:
            self.on_restart()
        elif not self._cycle.response_started:
            self._transport.close()


class BodyWriter(QueueWriter):
    """Writes parts of a response through ASGI ``send``."""

    end_of: Callable[[int, str], str] = staticmethod(end_of)  # the last text of a response

    def message(self, frame: Frame) -> dict[str, Any]:
        return {"type": "http.response.body", "body": str(frame).encode(), "more_body": True}

    def last_message(self, code: int, reason: str) -> dict[str, Any]:
        return {"type": "http.response.body", "body": self.end_of(code, reason).encode()}
