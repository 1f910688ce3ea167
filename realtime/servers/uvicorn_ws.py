"""The WebSocket protocol of our uvicorn: writes one prepared frame to many sockets.

A frame from a server is not masked, so its bytes are the same on every socket. uvicorn gets the
class by its ``ws`` option. The application finds it in the scope extension ``crewops.writer``.

It also limits frames that uvicorn handles without the application: pings, pongs and fragments.
"""

import asyncio
from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from realtime.close_codes import CloseCode
from realtime.rate_limit import RateLimit
from realtime.servers.deflate import SharedDeflate
from realtime.servers.writer import (
    BUFFER_LIMIT,
    CLOSE_S,
    CLOSE_UNREAD_S,
    EXTENSION,
    FrameWriter,
)

UNREADABLE = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 60\r\n\r\nThe handshake cannot be read. It is a GET without a content.\n"
)
PIECE = 4 * 1024  # bytes parsed at once; a chunk from the kernel may hold 40,000 frames
FRAGMENTS_LIMIT = 64  # frames of one message; empty frames would not count by size
AFTER_CLOSE_LIMIT = 64 * 1024  # bytes that a peer may send after we have closed
INVALID_TEXT = 1007


class FrameReader(ServerProtocol):
    """The library's class, but a close frame may come between two fragments (RFC 6455, 5.4)."""

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None  # the message will not be completed
        super().recv_frame(frame)


class FrameProtocol(FrameWriter, WebSocketsSansIOProtocol):
    """uvicorn's protocol, and a `realtime.servers.writer.Writer`."""

    scope: dict[str, Any] | None = None  # None until the handshake
    _abort_timer: TimerHandle | None = None
    _full = False  # the transport has called pause_writing
    _unparsed = b""  # not parsed yet, because the application is behind
    _received_after_close = 0  # bytes received since we closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.conn.parser.close()  # a reference cycle, which only the garbage collector would free
        self.conn = FrameReader(
            max_size=self.config.ws_max_size,
            extensions=[SharedDeflate()] if self.config.ws_per_message_deflate else None,
            logger=self.conn.logger,
        )
        self.close_timeout = CLOSE_S
        self._control_frames = RateLimit()
        self.transport.set_write_buffer_limits(high=BUFFER_LIMIT)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._abort_timer:
            self._abort_timer.cancel()
        self._full = False  # later writes are discarded, so nothing has to wait
        self._unparsed = b""
        super().connection_lost(exc)
        # Reference cycles would stay until the garbage collector runs.
        self.conn.parser.close()
        if self.scope is not None:
            self.scope["extensions"].pop(EXTENSION, None)

    def data_received(self, data: bytes) -> None:
        self._unparsed += data
        self._parse()

    async def receive(self) -> dict[str, Any]:
        message = await super().receive()
        self._parse()
        return message

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][EXTENSION] = self
            self.deflates = bool(self.conn.extensions)

    def start_keepalive(self) -> None:
        """Called after the handshake."""
        del self.request, self.response  # 3 KB of headers that are no longer needed
        super().start_keepalive()

    def write(self, frame: bytes) -> bool:
        # Called for every event and socket.
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
        """Close now. If the peer does not read, drop the connection after ``CLOSE_UNREAD_S``."""
        if self.close_sent:  # closed already because of an invalid frame
            return
        if self._full:
            self._abort_timer = self.loop.call_later(CLOSE_UNREAD_S, self.transport.abort)
            self._full = False
            self.writable.set()  # so that the close frame is written although the buffer is full
        await self.send({"type": "websocket.close", "code": code, "reason": reason})
        self._parse()

    def stop(self) -> None:
        """This writer has no task to stop."""

    def handle_ping(self) -> None:
        if not self._control_frames.allows():
            self._fail(CloseCode.TOO_MANY, "Too many frames.")
        # Pongs must not fill the buffer of a peer that sends pings and reads nothing.
        elif not self._full:
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_pong(self, event: Frame) -> None:
        if self._control_frames.allows():
            super().handle_pong(event)
        else:
            self._fail(CloseCode.TOO_MANY, "Too many frames.")

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) < FRAGMENTS_LIMIT:
            super().handle_cont(event)
        else:
            self._fail(CloseCode.TOO_MANY, "Too many frames for one message.")

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            self.frames = [b"".join(self.frames)]
            try:
                self.frames[0].decode()
            except UnicodeDecodeError:  # uvicorn would log a traceback
                self._fail(INVALID_TEXT, "Text is UTF-8.")
                return
        super().send_receive_event_to_app()

    def _parse(self) -> None:
        """Parse the received data until a message waits for the application."""
        while self._unparsed and not self.read_paused and not self.transport.is_closing():
            piece, self._unparsed = self._unparsed[:PIECE], self._unparsed[PIECE:]
            if self.close_sent:
                self._received_after_close += len(piece)
                if self._received_after_close > AFTER_CLOSE_LIMIT:
                    self.transport.abort()
                    return
            super().data_received(piece)
            if self.conn.handshake_exc and not self.handshake_initiated:
                # For example a handshake with a body. uvicorn would never answer it.
                self.handshake_initiated = self.close_sent = True
                self.transport.write(UNREADABLE)
                self.transport.close()

    def _fail(self, code: int, reason: str) -> None:
        """Close at once, without the application."""
        self.frames = []
        if self.close_sent or self.transport.is_closing():
            return
        if self.conn.state is State.OPEN:  # the peer's close frame may come after this frame
            self.conn.send_close(int(code), reason)
        self.handle_parser_exception()
