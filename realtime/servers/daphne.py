"""Writes to Daphne's transport, under ``manage.py runserver`` or another Daphne server.

With Daphne's ASGI ``send``, a client that stops reading fills a buffer without limit, and each
message is framed again for each socket. So we write to its transport: Twisted calls a producer when
it has to pause.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from realtime.close_codes import CloseCode
from realtime.servers.writer import BUFFER_LIMIT, EXTENSION, FrameWriter

CHECK_S = 5.0  # Daphne checks the age of sockets every two seconds

Application = Callable[..., Awaitable[None]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class OfferDaphneWriter:
    """The outermost ASGI middleware: only from Daphne's own ``send`` the transport is found."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Send) -> None:
        writer = _writer_of(send)
        if writer is None:
            await self._application(scope, receive, send)
            return
        scope = {**scope, "extensions": {**scope.get("extensions", {}), EXTENSION: writer}}
        try:
            await self._application(scope, receive, send)
        finally:
            writer.stop()


class DaphneWriter(FrameWriter):
    """A `realtime.servers.writer.Writer`. For Twisted it is the transport's producer."""

    def __init__(self, protocol: Any, send: Send) -> None:
        self._protocol = protocol
        self._send = send
        self._full = False
        self._writable = asyncio.Event()
        self._writable.set()
        transport = protocol.transport
        transport.bufferSize = BUFFER_LIMIT
        transport.unregisterProducer()  # the HTTP channel, no longer needed after the handshake
        transport.registerProducer(self, streaming=True)
        self._retirement = self._retire_in(protocol.server.websocket_timeout)

    def write(self, frame: bytes) -> bool:
        if self._full:
            return False
        if self._protocol.state == self._protocol.STATE_OPEN:
            self._protocol.transport.write(frame)
        return True

    async def drained(self) -> None:
        await self._writable.wait()

    async def close(self, code: int, reason: str) -> None:
        """Close now. If the peer does not read, Daphne drops the connection after a second."""
        await self._send({"type": "websocket.close", "code": code})

    def stop(self) -> None:
        if self._retirement:
            self._retirement.cancel()

    def pauseProducing(self) -> None:
        """The buffer is full. Stop reading too, because answers would go to the same buffer."""
        self._full = True
        self._writable.clear()
        self._protocol.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The buffer is empty."""
        self._full = False
        self._writable.set()
        self._protocol.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is lost: later writes are discarded, so nothing has to wait."""
        self._full = False
        self._writable.set()

    def _retire_in(self, timeout_s: float) -> asyncio.TimerHandle | None:
        """Close the socket before Daphne does because of its age, so that the client reconnects.

        Daphne would close it with 1000, which means to the client that the run is complete.
        """
        if timeout_s < 0:
            return None
        return asyncio.get_running_loop().call_later(max(0.0, timeout_s - CHECK_S), self._retire)

    def _retire(self) -> None:
        if self._protocol.state == self._protocol.STATE_OPEN:
            self._protocol.sendClose(code=int(CloseCode.SERVER_ERROR))


def _writer_of(send: Send) -> DaphneWriter | None:
    """The writer for Daphne's ``send``, a partial of its server's method with the protocol."""
    daphne = sys.modules.get("daphne.ws_protocol")
    if daphne and isinstance(send, partial) and len(send.args) == 1:
        (protocol,) = send.args
        if isinstance(protocol, daphne.WebSocketProtocol):
            return DaphneWriter(protocol, send)
    return None
