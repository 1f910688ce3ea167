"""Writing to Daphne's transport, under ``manage.py runserver`` and wherever else Daphne serves.

Behind Daphne's ASGI ``send`` a client that stops reading fills a buffer without bound, and each
message is framed anew. Its transport can be reached, though: Twisted tells a producer when to pause.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from realtime.close_codes import CloseCode
from realtime.writers import EXTENSION, FrameWriter

BUFFER_LIMIT = 128 * 1024  # bytes; as much unsent, and the socket takes no more
CHECK_S = 5.0  # Daphne looks for sockets that are too old every two seconds

Application = Callable[..., Awaitable[None]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class OfferDaphneWriter:
    """ASGI middleware for sockets, the outermost: only Daphne's own ``send`` leads to the transport."""

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
    """A `realtime.writers.Writer`, and the transport's producer in the sense of Twisted."""

    def __init__(self, protocol: Any, send: Send) -> None:
        self._protocol = protocol
        self._send = send
        self._full = False
        self._writable = asyncio.Event()
        self._writable.set()
        transport = protocol.transport
        transport.bufferSize = BUFFER_LIMIT
        transport.unregisterProducer()  # the HTTP channel, which has done its part
        transport.registerProducer(self, streaming=True)
        self._retirement = self._retire_in(protocol.server.websocket_timeout)

    def write(self, text: str, frame: bytes) -> bool:
        if self._full:
            return False
        if self._protocol.state == self._protocol.STATE_OPEN:
            self._protocol.transport.write(frame)
        return True

    async def drained(self) -> None:
        await self._writable.wait()

    async def close(self, code: int, reason: str) -> None:
        """Close now; where the peer does not read, Daphne drops the connection after a second."""
        await self._send({"type": "websocket.close", "code": code})

    def stop(self) -> None:
        if self._retirement:
            self._retirement.cancel()

    def pauseProducing(self) -> None:
        """The buffer is full. What the client says now has to wait too: an answer would go there."""
        self._full = True
        self._writable.clear()
        self._protocol.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The buffer is empty."""
        self._full = False
        self._writable.set()
        self._protocol.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is lost: what is written now goes nowhere, so nobody need wait."""
        self._full = False
        self._writable.set()

    def _retire_in(self, timeout_s: float) -> asyncio.TimerHandle | None:
        """Daphne closes a socket that old with 1000, which tells a client that all is complete: close
        it before, so that the client comes back."""
        if timeout_s < 0:
            return None
        return asyncio.get_running_loop().call_later(max(0.0, timeout_s - CHECK_S), self._retire)

    def _retire(self) -> None:
        if self._protocol.state == self._protocol.STATE_OPEN:
            self._protocol.sendClose(code=int(CloseCode.SERVER_ERROR))


def _writer_of(send: Send) -> DaphneWriter | None:
    """The writer for Daphne's ``send``, which is its server's method over the protocol."""
    daphne = sys.modules.get("daphne.ws_protocol")
    if daphne and isinstance(send, partial) and len(send.args) == 1:
        (protocol,) = send.args
        if isinstance(protocol, daphne.WebSocketProtocol):
            return DaphneWriter(protocol, send)
    return None
