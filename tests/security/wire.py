"""A client that sends what it is given, byte by byte, and notes what comes back."""

import asyncio
import os
from dataclasses import dataclass, field

ANSWER_S = 10.0  # how long an answer is waited for
CLOSE = 8  # the opcode of a close frame
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@dataclass
class Answer:
    """What a server said to one connection. ``status`` 0: it said nothing."""

    status: int = 0
    head: bytes = b""  # status line and headers
    body: bytes = b""  # of a plain HTTP answer
    frames: list[tuple[int, bytes]] = field(default_factory=list)  # opcode, payload

    @property
    def code(self) -> int | None:
        """The code of the close frame; ``None`` without one."""
        opcode, payload = self.frames[-1] if self.frames else (0, b"")
        return int.from_bytes(payload[:2], "big") if opcode == CLOSE else None

    @property
    def texts(self) -> list[str]:
        return [payload.decode() for opcode, payload in self.frames if opcode == 1]

    @property
    def welcomed(self) -> bool:
        """Whether the socket was opened, and not only accepted to be closed."""
        return any('"hello"' in text for text in self.texts)


def handshake(path: str, *lines: str, port: int, start: str = "") -> bytes:
    """A good handshake of ``path`` with these header lines besides; ``start`` replaces its first line."""
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
    payload: bytes, *, opcode: int = 1, final: bool = True, masked: bool = True, size: int = -1
) -> bytes:
    """A client's frame. ``size`` is the length that it claims, where that is not its own."""
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
    return bytes([(0x80 if final else 0) | opcode]) + length + mask + payload


async def exchange(
    port: int, head: bytes, *messages: bytes, until: str = "", patience_s: float = ANSWER_S
) -> Answer:
    """Send ``head``; once the socket is open ``messages``; and read to its close.

    ``until``: leave as soon as a frame holds this text. A peer that says nothing for ``patience_s`` is
    left, too.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    answer = Answer()
    try:
        async with asyncio.timeout(patience_s):
            await _talk(reader, writer, answer, head, messages, until)
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
    head: bytes,
    messages: tuple[bytes, ...],
    until: str,
) -> None:
    writer.write(head)
    answer.head = await reader.readuntil(b"\r\n\r\n")
    answer.status = int(answer.head.split(b" ", 2)[1])
    if answer.status != 101:
        answer.body = await reader.read()
        return
    for message in messages:
        writer.write(message)
    while answer.code is None:
        first, length = await reader.readexactly(2)
        if length > 125:
            length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
        answer.frames.append((first & 15, await reader.readexactly(length)))
        if until and until.encode() in answer.frames[-1][1]:
            return
    writer.write(frame(answer.frames[-1][1], opcode=CLOSE))
    answer.body = await reader.read()  # until the server lets go
