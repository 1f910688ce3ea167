"""Ways of putting a text frame on a socket without waiting for it.

`realtime.server` and `realtime.daphne_writer` write prepared bytes to the transport; under any other
ASGI server `QueueWriter` stands in, which counts on ``send`` to wait for a slow peer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

EXTENSION = "crewops.writer"  # key in the scope's extensions where the server offers its own
BLOCK_BYTES = 32 * 1024  # frames are joined up to the one that reaches this size
QUEUE_FRAMES = 64
QUEUE_CHARS = 256 * 1024

Send = Callable[[dict], Awaitable[None]]
Write = Callable[[str, bytes], bool]


class Writer:
    """Where a socket's frames go."""

    def write(self, text: str, frame: bytes) -> bool:
        """Write that text, framed; ``False`` where the socket takes no more now: nothing was written."""
        raise NotImplementedError

    def write_some(self, texts: Sequence[str]) -> int:
        """Write the texts in order until the socket takes no more; how many were written."""
        for number, text in enumerate(texts):
            if not self.write(text, frame_of(text)):
                return number
        return len(texts)

    async def drained(self) -> None:
        """Return when the socket takes more; at once where it does."""
        raise NotImplementedError

    async def close(self, code: int, reason: str) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


class FrameWriter(Writer):
    """A writer that puts frames on a transport as they are, so several can go at once."""

    def write_some(self, texts: Sequence[str]) -> int:
        written, waiting, size = 0, [], 0
        for number, text in enumerate(texts, start=1):
            waiting.append(frame_of(text))
            size += len(waiting[-1])
            if size < BLOCK_BYTES and number < len(texts):
                continue
            if not self.write("", b"".join(waiting)):  # a call of the system for each block
                break
            written, waiting, size = number, [], 0
        return written


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


class QueueWriter(Writer):
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
