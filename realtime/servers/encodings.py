"""How events and control frames are encoded for connections of one kind.

There is one encoding for all connections of a kind, so each event is encoded once for all of them.
"""

from collections.abc import Callable
from typing import Protocol

from realtime.log import Entry
from realtime.servers.writer import Frame


class Numbered(Protocol):
    """A stream and its numbering, as a feed has them."""

    stream: str
    epoch: str


class Encoding:
    """WebSocket messages: the JSON text as it is. ``frame`` makes what a writer takes."""

    def __init__(self, frame: Callable[[str], Frame]) -> None:
        self._frame = frame

    def event(self, feed: Numbered, entry: Entry) -> Frame:
        """An event of the stream."""
        return self._frame(entry.text)

    def control(self, text: str) -> Frame:
        """Any other frame. ``text`` is its JSON."""
        return self._frame(text)


class StreamNamed(Encoding):
    """WebSocket messages of a socket with any streams: an event says which one it belongs to."""

    def event(self, feed: Numbered, entry: Entry) -> Frame:
        return self._frame(f'{{"stream":"{feed.stream}",{entry.text[1:]}')


class EventStreamEncoding(Encoding):
    """Server-Sent Events. An event's ``id`` names its position: ``epoch:seq``."""

    def __init__(self, frame: Callable[[str], Frame]) -> None:
        super().__init__(frame)
        self.heartbeat = frame(": ping\n\n")

    def event(self, feed: Numbered, entry: Entry) -> Frame:
        return self._frame(f"id: {feed.epoch}:{entry.seq}\ndata: {entry.text}\n\n")

    def control(self, text: str) -> Frame:
        return self._frame(f"data: {text}\n\n")

    def position(self, epoch: str, seq: int) -> Frame:
        """Only an id. A browser keeps it and sends it when it reconnects."""
        return self._frame(f"id: {epoch}:{seq}\n\n")


class UnnumberedEventStream(EventStreamEncoding):
    """Server-Sent Events of several streams, where one id cannot name a position."""

    def event(self, feed: Numbered, entry: Entry) -> Frame:
        return self.control(entry.text)


def frame_of(text: str) -> bytes:
    """``text`` as an unmasked, unfragmented WebSocket text frame (RFC 6455, section 5.2)."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes((size,)) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def chunk_of(text: str) -> bytes:
    """``text`` as a chunk of an HTTP/1.1 response (RFC 9112, section 7.1)."""
    payload = text.encode()
    return b"%x\r\n%b\r\n" % (len(payload), payload)


# The key is whether the connection's writer takes bytes: `Writer.framed`.
WEBSOCKET = {True: Encoding(frame_of), False: Encoding(str)}
LIVE = {True: StreamNamed(frame_of), False: StreamNamed(str)}
EVENT_STREAM = {True: EventStreamEncoding(chunk_of), False: EventStreamEncoding(str)}
UNNUMBERED = {True: UnnumberedEventStream(chunk_of), False: UnnumberedEventStream(str)}
