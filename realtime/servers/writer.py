"""Writes frames to a connection without waiting.

`realtime.servers.uvicorn_ws`, `realtime.servers.event_stream` and `realtime.servers.daphne` write
prepared bytes to the transport. Under any other ASGI server `QueueWriter` is used, which relies on
``send`` to wait for a slow peer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

EXTENSION = "crewops.writer"  # key of the server's own writer in the scope's extensions
BLOCK_BYTES = 32 * 1024  # frames are joined into blocks of about this size
QUEUE_FRAMES = 64
QUEUE_CHARS = 256 * 1024
# Unsent bytes at which a connection is full. With one more block of events it is below 256 KiB.
BUFFER_LIMIT = 128 * 1024
CLOSE_UNREAD_S = 2.0  # limit for a peer that does not read to take the end
CLOSE_S = 5.0  # limit for any other peer to take or answer it

Frame = bytes | str
Send = Callable[[dict], Awaitable[None]]
Write = Callable[[Any], bool]


class Writer:
    """Writes the frames of one connection, as `realtime.servers.encodings` makes them."""

    framed = False  # whether frames are the bytes on the wire, else they are the messages' contents
    deflates = False  # whether the client takes compressed frames (permessage-deflate)

    def write(self, frame: Any) -> bool:
        """Write ``frame``. ``False`` if the connection is full: nothing written."""
        raise NotImplementedError

    def write_some(self, frames: Iterable[Any]) -> int:
        """Write in order until the connection is full. Returns how many frames were written."""
        written = 0
        for frame in frames:
            if not self.write(frame):
                break
            written += 1
        return written

    async def drained(self) -> None:
        """Return as soon as the connection can take more data."""
        raise NotImplementedError

    async def close(self, code: int, reason: str) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


class FrameWriter(Writer):
    """A writer that passes frames unchanged to a transport, so it can join several."""

    framed = True

    def write_some(self, frames: Iterable[bytes]) -> int:
        written, waiting, size = 0, [], 0
        for frame in frames:
            waiting.append(frame)
            size += len(frame)
            if size < BLOCK_BYTES:
                continue
            if not self.write(b"".join(waiting)):  # one system call for each block
                return written
            written, waiting, size = written + len(waiting), [], 0
        if waiting and self.write(b"".join(waiting)):
            written += len(waiting)
        return written


def writer_for(scope: dict, send: Send) -> Writer:
    """The server's own writer if it has one, else a `QueueWriter`."""
    own = scope.get("extensions", {}).get(EXTENSION)
    return own if own is not None else QueueWriter(send)


class QueueWriter(Writer):
    """Writes through ASGI ``send``, with a short queue and a task."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._frames: deque[Frame] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task = asyncio.create_task(self._pump())

    def write(self, frame: Frame) -> bool:
        if len(self._frames) >= QUEUE_FRAMES or self._size >= QUEUE_CHARS:
            return False
        self._frames.append(frame)
        self._size += len(frame)
        self._empty.clear()
        self._wake.set()
        return True

    async def drained(self) -> None:
        await self._empty.wait()

    async def close(self, code: int, reason: str) -> None:
        """Close after the queued frames, or after a second if the peer does not take them."""
        try:
            async with asyncio.timeout(1.0):
                await self._empty.wait()
        except TimeoutError:
            self.stop()
        await self._send(self.last_message(code, reason))

    def stop(self) -> None:
        self._task.cancel()

    def message(self, frame: Frame) -> dict[str, Any]:
        """The ASGI message with the frame."""
        return {"type": "websocket.send", "text" if isinstance(frame, str) else "bytes": frame}

    def last_message(self, code: int, reason: str) -> dict[str, Any]:
        """The ASGI message that ends the connection."""
        return {"type": "websocket.close", "code": code, "reason": reason}

    async def _pump(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._frames:
                frame = self._frames[0]
                await self._send(self.message(frame))
                self._frames.popleft()
                self._size -= len(frame)
            self._empty.set()
