"""How events and control frames are encoded for connections of one kind.

There is one encoding for all connections of a kind, so each event is encoded once for all of them.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol

from realtime.log import Entry
from realtime.servers.deflate import deflate
from realtime.servers.message_pack import pack
from realtime.servers.writer import Frame, Writer

TEXT, BINARY = 0x81, 0x82  # the first byte of an unfragmented WebSocket message
COMPRESSED = 0x40  # its bit RSV1, for permessage-deflate
SNAPSHOTS_KEPT = 4


class Numbered(Protocol):
    """A stream and its numbering, as a feed has them."""

    stream: str
    epoch: str


Text = Callable[[Numbered, Entry], str]


def own_text(feed: Numbered, entry: Entry) -> str:
    """The JSON of an event as it is logged."""
    return entry.text


def text_with_stream(feed: Numbered, entry: Entry) -> str:
    """For a socket with any streams: the JSON says which one the event belongs to."""
    return f'{{"stream":"{feed.stream}",{entry.text[1:]}'


class Encoding:
    """WebSocket messages. ``frame`` converts JSON to the form that a writer takes.

    ``text`` is the JSON of an event. ``packed``: the frames of both sides are MessagePack.
    ``unshared`` is the encoding for frames that go to one socket only.
    """

    unshared: "Encoding"

    def __init__(
        self, frame: Callable[[str], Frame], text: Text = own_text, *, packed: bool = False
    ) -> None:
        self._frame = frame
        self._text = text
        self.packed = packed
        self.unshared = self

    def event(self, feed: Numbered, entry: Entry) -> Frame:
        """An event of the stream."""
        return self._frame(self._text(feed, entry))

    def control(self, text: str) -> Frame:
        """Any other frame. ``text`` is its JSON."""
        return self._frame(text)


class DeflatedEncoding(Encoding):
    """WebSocket messages, compressed. Frames of one socket only are sent as ``plain``."""

    def __init__(self, frame: Callable[[str], Frame], plain: Encoding) -> None:
        super().__init__(frame, plain._text, packed=plain.packed)
        self.unshared = plain
        self._snapshot = lru_cache(SNAPSHOTS_KEPT)(frame)

    def control(self, text: str) -> Frame:
        # Sockets that begin at the same moment share the text of a crew's snapshot.
        return self._snapshot(text)


class EventStreamEncoding(Encoding):
    """Server-Sent Events. An event's ``id`` names its position: ``epoch:seq``."""

    def __init__(self, frame: Callable[[str], Frame]) -> None:
        super().__init__(frame)
        self.heartbeat = frame(": ping\n\n")

    def event(self, feed: Numbered, entry: Entry) -> Frame:
        return self._frame(f"id: {feed.epoch}:{entry.seq}\ndata: {entry.text}\n\n")

    def control(self, text: str) -> Frame:
        return self._frame(f"data: {text}\n\n")

    def several(self, texts: Iterable[str]) -> Frame:
        """Events whose JSON is given, in one frame."""
        return self._frame("".join(f"data: {text}\n\n" for text in texts))

    def position(self, epoch: str, seq: int) -> Frame:
        """Only an id. A browser keeps it and sends it when it reconnects."""
        return self._frame(f"id: {epoch}:{seq}\n\n")


class UnnumberedEventStream(EventStreamEncoding):
    """Server-Sent Events of several streams, where one id cannot name a position."""

    def event(self, feed: Numbered, entry: Entry) -> Frame:
        return self.control(entry.text)


def frame_of(text: str) -> bytes:
    """``text`` as a WebSocket text message."""
    return message_of(TEXT, text.encode())


def packed_frame_of(text: str) -> bytes:
    """The JSON ``text`` as MessagePack in a WebSocket binary message."""
    return message_of(BINARY, pack(text))


def deflated_frame_of(text: str) -> bytes:
    """``text`` as a WebSocket text message, compressed if that makes it shorter."""
    return _deflated(TEXT, text.encode())


def deflated_packed_frame_of(text: str) -> bytes:
    """The JSON ``text`` as MessagePack, compressed if that makes it shorter."""
    return _deflated(BINARY, pack(text))


def _deflated(first: int, payload: bytes) -> bytes:
    if compressed := deflate(payload):
        return message_of(first | COMPRESSED, compressed)
    return message_of(first, payload)


def message_of(first: int, payload: bytes) -> bytes:
    """``payload`` in an unmasked, unfragmented WebSocket frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


def chunk_of(text: str) -> bytes:
    """``text`` as a chunk of an HTTP/1.1 response (RFC 9112, section 7.1)."""
    payload = text.encode()
    return b"%x\r\n%b\r\n" % (len(payload), payload)


class SocketEncodings:
    """The encodings of sockets whose events have that ``text``, by the options they negotiated.

    The key of ``json`` and ``packed`` is whether the connection's writer takes bytes
    (`Writer.framed`), that of ``deflated`` whether the frames are MessagePack.
    """

    def __init__(self, text: Text = own_text) -> None:
        self.json = {True: Encoding(frame_of, text), False: Encoding(str, text)}
        self.packed = {
            True: Encoding(packed_frame_of, text, packed=True),
            False: Encoding(pack, text, packed=True),
        }
        self.deflated = {
            False: DeflatedEncoding(deflated_frame_of, self.json[True]),
            True: DeflatedEncoding(deflated_packed_frame_of, self.packed[True]),
        }

    def of(self, writer: Writer, *, packed: bool) -> Encoding:
        """The encoding of a socket, which all sockets that negotiated the same share."""
        if writer.deflates:
            return self.deflated[packed]
        return (self.packed if packed else self.json)[writer.framed]


SOCKETS = SocketEncodings()
LIVE = SocketEncodings(text_with_stream)
# The key is whether the connection's writer takes bytes.
EVENT_STREAM = {True: EventStreamEncoding(chunk_of), False: EventStreamEncoding(str)}
UNNUMBERED = {True: UnnumberedEventStream(chunk_of), False: UnnumberedEventStream(str)}
