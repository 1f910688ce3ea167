"""A client that sends what it is given, byte by byte, and notes what comes back."""

import asyncio
import os
import zlib
from dataclasses import dataclass, field
from typing import Any

import msgpack

ANSWER_S = 10.0  # how long an answer is waited for
CLOSE = 8  # the opcode of a close frame
COMPRESSED = 0x40  # the bit of a message that is
FLUSHED = b"\x00\x00\xff\xff"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@dataclass
class Answer:
    """What a server said to one connection. ``status`` 0: it said nothing."""

    status: int = 0
    head: bytes = b""  # status line and headers
    body: bytes = b""  # of a plain HTTP answer
    frames: list[tuple[int, bytes]] = field(default_factory=list)  # opcode, payload

    compressed: int = 0  # of the frames

    @property
    def code(self) -> int | None:
        """The code of the close frame; ``None`` without one."""
        opcode, payload = self.frames[-1] if self.frames else (0, b"")
        return int.from_bytes(payload[:2], "big") if opcode == CLOSE else None

    @property
    def texts(self) -> list[str]:
        return [payload.decode() for opcode, payload in self.frames if opcode == 1]

    @property
    def packed(self) -> list[dict[str, Any]]:
        """The frames that came as MessagePack."""
        return [msgpack.unpackb(payload) for opcode, payload in self.frames if opcode == 2]

    @property
    def welcomed(self) -> bool:
        """Whether the socket was opened, and not only accepted to be closed."""
        return any('"hello"' in text for text in self.texts)


def handshake(path: str, *lines: str, port: int, start: str = "") -> bytes:
    """A good handshake of ``path`` with these header lines besides; ``start`` replaces its first
    line.
    """
    head = [
        start or f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode("latin-1")


def frame(
    payload: bytes,
    *,
    opcode: int = 1,
    final: bool = True,
    masked: bool = True,
    size: int = -1,
    compressed: bool = False,
) -> bytes:
    """A client's frame. ``size`` is the length that it claims, where that is not its own.

    ``compressed``: the payload is, and the frame says so.
    """
    size = len(payload) if size < 0 else size
    mask = os.urandom(4) if masked else b""
    bit = 0x80 if masked else 0
    if size < 126:
        length = bytes([bit | size])
    elif size < 1 << 16:
        length = bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([bit | 127]) + (size % (1 << 64)).to_bytes(8, "big")
    if masked:
        pad = mask * (len(payload) // 4 + 1)
        whole = int.from_bytes(payload, "big") ^ int.from_bytes(pad[: len(payload)], "big")
        payload = whole.to_bytes(len(payload), "big")
    first = (0x80 if final else 0) | (COMPRESSED if compressed else 0) | opcode
    return bytes([first]) + length + mask + payload


def deflated(data: bytes) -> bytes:
    """``data`` as a message's payload with permessage-deflate."""
    compressor = zlib.compressobj(wbits=-12)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(FLUSHED)


def inflated(payload: bytes) -> bytes:
    """The message of that payload. It refers to no earlier one, so a new inflater reads it."""
    return zlib.decompressobj(wbits=-12).decompress(payload + FLUSHED)


async def exchange(
    port: int, head: bytes, *messages: bytes, until: str = "", patience_s: float = ANSWER_S
) -> Answer:
    """Send ``head``; once the socket is open ``messages``; and read to its close.

    ``until``: leave as soon as a frame holds this text. ``patience_s``: leave so long after the
    socket is open; until then, the answer is waited for `ANSWER_S`.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    answer = Answer()
    try:
        async with asyncio.timeout(ANSWER_S) as limit:
            writer.write(head)
            answer.head = await reader.readuntil(b"\r\n\r\n")
            answer.status = int(answer.head.split(b" ", 2)[1])
            limit.reschedule(asyncio.get_running_loop().time() + patience_s)
            await _talk(reader, writer, answer, messages, until)
    except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)  # lets the loop close it
    return answer


async def _talk(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answer: Answer,
    messages: tuple[bytes, ...],
    until: str,
) -> None:
    if answer.status != 101:
        answer.body = await reader.read()
        return
    for message in messages:
        writer.write(message)
    while answer.code is None:
        first, length = await reader.readexactly(2)
        if length > 125:
            length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
        payload = await reader.readexactly(length)
        if first & COMPRESSED:
            answer.compressed += 1
            payload = inflated(payload)
        answer.frames.append((first & 15, payload))
        if until and until.encode() in answer.frames[-1][1]:
            return
    writer.write(frame(answer.frames[-1][1], opcode=CLOSE))
    answer.body = await reader.read()  # until the server lets go
