"""Ways of putting a text frame on a socket without waiting for it.

A writer has ``write(text, frame) -> bool`` (``False``: the socket takes no more now, nothing was
written), ``await drained()``, and ``await close(code)``. `realtime.server` and
`realtime.daphne_writer` write prepared bytes to the transport; under any other ASGI server
`QueueWriter` stands in, which counts on ``send`` to wait for a slow peer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

EXTENSION = "crewops.writer"  # key in the scope's extensions where the server offers its own
QUEUE_FRAMES = 64
QUEUE_CHARS = 256 * 1024

Send = Callable[[dict], Awaitable[None]]
Write = Callable[[str, bytes], bool]


class Writer(Protocol):
    def write(self, text: str, frame: bytes) -> bool: ...
    async def drained(self) -> None: ...
    async def close(self, code: int, reason: str) -> None: ...
    def stop(self) -> None: ...


def writer_for(scope: dict, send: Send) -> Writer:
    """The server's own writer where it has one."""
    own = scope.get("extensions", {}).get(EXTENSION)
    return own if own is not None else QueueWriter(send)


def frame_of(text: str) -> bytes:
    """``text`` as an unmasked, unfragmented WebSocket text frame (RFC 6455, section 5.2)."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes((size,)) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class QueueWriter:
    """Writes through ASGI ``send`` from a short queue and one task of its own."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._texts: deque[str] = deque()
        self._chars = 0
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task = asyncio.create_task(self._pump())

    def write(self, text: str, frame: bytes) -> bool:
        if len(self._texts) >= QUEUE_FRAMES or self._chars >= QUEUE_CHARS:
            return False
        self._texts.append(text)
        self._chars += len(text)
        self._empty.clear()
        self._wake.set()
        return True

    async def drained(self) -> None:
        await self._empty.wait()

    async def close(self, code: int, reason: str) -> None:
        """Close after what is queued; at once where the socket takes nothing."""
        try:
            async with asyncio.timeout(1.0):
                await self._empty.wait()
        except TimeoutError:
            self.stop()
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    def stop(self) -> None:
        self._task.cancel()

    async def _pump(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._texts:
                text = self._texts[0]
                await self._send({"type": "websocket.send", "text": text})
                self._texts.popleft()
                self._chars -= len(text)
            self._empty.set()
