"""The WebSocket protocol of our uvicorn: one prepared frame, written to many sockets.

A frame from a server carries no mask, so its bytes are the same on every socket. Given to uvicorn
by its ``ws`` option; offers itself to the application as the scope extension ``crewops.writer``.

It also bounds what a peer can make the process do with frames the application never sees.
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
from realtime.consumers.inbound import RateLimit
from realtime.writers import EXTENSION, FrameWriter

# A socket that holds this much unsent takes no more: with a block of events on top it stays below 256 KiB.
BUFFER_LIMIT = 128 * 1024  # bytes
UNREADABLE = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 60\r\n\r\nThe handshake cannot be read. It is a GET without a content.\n"
)
FAREWELL_S = 2.0  # how long a socket that does not read gets to take its close frame
CLOSE_S = 5.0  # how long a peer gets to answer a close frame
PIECE = 4 * 1024  # bytes parsed at once; a chunk from the kernel may hold 40,000 frames
FRAGMENTS_LIMIT = 64  # frames a message may be sent in; empty ones would add up without a size
AFTERMATH_LIMIT = 64 * 1024  # bytes a peer may still send once we have closed
INVALID_TEXT = 1007


class FrameReader(ServerProtocol):
    """The library's, but a close may stand between two fragments: RFC 6455, 5.4 and 5.5.1."""

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None  # the message is not to be completed
        super().recv_frame(frame)


class FrameProtocol(FrameWriter, WebSocketsSansIOProtocol):
    """uvicorn's protocol, and a `realtime.writers.Writer`."""

    scope: dict[str, Any] | None = None  # until a handshake has come
    _abort_timer: TimerHandle | None = None
    _full = False  # the transport asks for no more
    _unparsed = b""  # waits while the application is behind
    _aftermath = 0  # bytes received since we closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.conn.parser.close()  # it refers to itself and would wait for the collector
        self.conn = FrameReader(max_size=self.config.ws_max_size, logger=self.conn.logger)
        self.close_timeout = CLOSE_S
        self._control_frames = RateLimit()
        self.transport.set_write_buffer_limits(high=BUFFER_LIMIT)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._abort_timer:
            self._abort_timer.cancel()
        self._full = False  # what is written now goes nowhere, so nobody need wait
        self._unparsed = b""
        super().connection_lost(exc)
        # What refers to itself would wait for the collector.
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

    def start_keepalive(self) -> None:
        """Called once the handshake is over."""
        del self.request, self.response  # a socket that waits need not keep 3 KB of headers
        super().start_keepalive()

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
        if self.close_sent:  # a frame behind the one that the application read broke the protocol
            return
        if self._full:
            self._abort_timer = self.loop.call_later(FAREWELL_S, self.transport.abort)
            self._full = False
            self.writable.set()  # lets the close frame into the full buffer
        await self.send({"type": "websocket.close", "code": code, "reason": reason})
        self._parse()

    def stop(self) -> None:
        """Nothing to end: this writer has no task."""

    def handle_ping(self) -> None:
        if not self._control_frames.allows():
            self._fail(CloseCode.TOO_MANY, "Too many frames.")
        # A peer that sends pings and reads nothing must not fill the buffer with our pongs.
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
            except UnicodeDecodeError:  # uvicorn would log a traceback for it
                self._fail(INVALID_TEXT, "Text is UTF-8.")
                return
        super().send_receive_event_to_app()

    def _parse(self) -> None:
        """Parse what has come, until a message waits for the application."""
        while self._unparsed and not self.read_paused and not self.transport.is_closing():
            piece, self._unparsed = self._unparsed[:PIECE], self._unparsed[PIECE:]
            if self.close_sent:
                self._aftermath += len(piece)
                if self._aftermath > AFTERMATH_LIMIT:
                    self.transport.abort()
                    return
            super().data_received(piece)
            if self.conn.handshake_exc and not self.handshake_initiated:
                # A handshake with a body, say: uvicorn would leave the peer waiting for ever.
                self.handshake_initiated = self.close_sent = True
                self.transport.write(UNREADABLE)
                self.transport.close()

    def _fail(self, code: int, reason: str) -> None:
        """Close at once, without asking the application."""
        self.frames = []
        if self.close_sent or self.transport.is_closing():
            return
        if self.conn.state is State.OPEN:  # the peer's own close may stand behind this frame
            self.conn.send_close(int(code), reason)
        self.handle_parser_exception()
