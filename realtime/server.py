"""The WebSocket protocol of our uvicorn: one prepared frame, written to many sockets.

A frame from a server carries no mask, so its bytes are the same on every socket. Given to uvicorn
by its ``ws`` option; offers itself to the application as the scope extension ``crewops.writer``.
"""

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from realtime.writers import EXTENSION

# A socket that holds this much unsent takes no more: with one event on top it stays below 256 KiB.
BUFFER_LIMIT = 128 * 1024  # bytes
UNREADABLE = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
FAREWELL_S = 2.0  # how long a socket that does not read gets to take its close frame


class FrameProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, and a `realtime.writers.Writer`."""

    _abort_timer: TimerHandle | None = None
    _full = False  # the transport asks for no more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=BUFFER_LIMIT)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._abort_timer:
            self._abort_timer.cancel()
        self._full = False  # what is written now goes nowhere, so nobody need wait
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc and not self.handshake_initiated:
            # Headers beyond what websockets reads: uvicorn would leave the peer waiting for ever.
            self.handshake_initiated = self.close_sent = True
            self.transport.write(UNREADABLE)
            self.transport.close()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][EXTENSION] = self

    def write(self, text: str, frame: bytes) -> bool:
        # Once for every event and socket.
        if self._full:
            return False
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(frame)
        return True

    def pause_writing(self) -> None:
        self._full = True
        super().pause_writing()

    def resume_writing(self) -> None:
        self._full = False
        super().resume_writing()

    async def drained(self) -> None:
        await self.writable.wait()

    async def close(self, code: int, reason: str) -> None:
        """Close now, also where the peer does not read: after a moment the connection is dropped."""
        if self._full:
            self._abort_timer = self.loop.call_later(FAREWELL_S, self.transport.abort)
            self._full = False
            self.writable.set()  # lets the close frame into the full buffer
        await self.send({"type": "websocket.close", "code": code, "reason": reason})

    def stop(self) -> None:
        """Nothing to end: this writer has no task."""

    def handle_ping(self) -> None:
        # A peer that sends pings and reads nothing must not fill the buffer with our pongs.
        if not self._full:
            super().handle_ping()
        else:
            self.conn.data_to_send()
