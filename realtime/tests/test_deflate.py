"""Frames are compressed once for all sockets, each by itself, and only where it helps."""

import json
import os

import pytest
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.headers import build_extension, parse_extension

from realtime import log
from realtime.delivery.feed import Feed
from realtime.servers import encodings
from realtime.servers.deflate import SMALL, SharedDeflate, deflate
from realtime.servers.encodings import SOCKETS
from realtime.servers.writer import Writer
from tests.security.wire import inflated

BITS = "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12"
OFFERS = {
    "permessage-deflate": BITS,  # Firefox, Safari
    "permessage-deflate; client_max_window_bits": f"{BITS}; client_max_window_bits=12",  # Chromium
    "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12": (
        f"{BITS}; client_max_window_bits=12"  # Python's websockets
    ),
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover": BITS,  # ws, Node
    "permessage-deflate; server_max_window_bits=15; client_max_window_bits=9": (
        f"{BITS}; client_max_window_bits=9"
    ),
}
REFUSED = [
    "server_max_window_bits=11",
    "server_max_window_bits=8",
    "level=9",
    "server_max_window_bits",
]
TEXT = json.dumps({"type": "tool_progress", "output": "a line of output\n" * 60})


def negotiate(offer: str):
    ((_, params),) = parse_extension(offer)
    answer, extension = SharedDeflate().process_request_params(params, [])
    return build_extension([("permessage-deflate", answer)]), extension


@pytest.mark.parametrize("offer", OFFERS)
def test_an_offer_is_answered_so_that_frames_can_be_shared(offer):
    answer, extension = negotiate(offer)
    assert answer == f"permessage-deflate; {OFFERS[offer]}"
    assert not hasattr(extension, "encoder")  # no window is kept for an idle socket
    assert not hasattr(extension, "decoder")


@pytest.mark.parametrize("parameter", REFUSED)
def test_an_offer_that_cannot_take_shared_frames_is_not_accepted(parameter):
    with pytest.raises(NegotiationError):
        negotiate(f"permessage-deflate; {parameter}")


def test_small_and_incompressible_payloads_are_sent_as_they_are():
    assert deflate(b"x" * (SMALL - 1)) is None
    assert len(deflate(b"x" * SMALL)) < 20
    assert deflate(os.urandom(SMALL)) is None
    for packed in (False, True):
        small = '{"type":"pong"}'
        plain = SOCKETS.deflated[packed].unshared
        assert SOCKETS.deflated[packed].event(None, log.Entry(1, "pong", small)) == plain.control(
            small
        )
        assert SOCKETS.deflated[packed].control(small) == plain.control(small)


@pytest.mark.parametrize("packed", [False, True])
def test_a_clients_library_reads_the_frame(packed):
    """Each by itself: the second is inflated by a reader that has not seen the first."""
    answer, _ = negotiate("permessage-deflate; client_max_window_bits")
    ((_, params),) = parse_extension(answer)
    factory = ClientPerMessageDeflateFactory(client_max_window_bits=True)
    plain = SOCKETS.deflated[packed].unshared.control(TEXT)
    frame = SOCKETS.deflated[packed].event(None, log.Entry(1, "tool_progress", TEXT))
    assert frame[0] == plain[0] | 0x40
    assert len(frame) < len(plain) / 3
    opcode = Opcode.BINARY if packed else Opcode.TEXT
    for _ in range(2):
        reader = factory.process_response_params(params, [])
        read = reader.decode(Frame(opcode, frame[2:] if frame[1] < 126 else frame[4:], rsv1=True))
        assert plain.endswith(read.data)
        assert len(read.data) > 1000


def test_an_event_is_compressed_once_for_all_sockets(monkeypatch):
    compressed = []
    monkeypatch.setattr(encodings, "deflate", lambda data: compressed.append(data) or deflate(data))
    feed = Feed("graph:x")
    feed.start(log.Position("epoch", 0, 0, closed=False))
    frames = {
        encoding: []
        for encoding in (SOCKETS.deflated[False], SOCKETS.deflated[True], SOCKETS.json[True])
    }
    for encoding, written in frames.items():
        for _ in range(3):
            feed.write_to(object(), encoding, lambda frame, to=written: to.append(frame) or True)
    feed.receive(json.dumps(json.loads(TEXT) | {"seq": 1}).encode())
    assert len(compressed) == 2  # one as JSON, one as MessagePack
    for written in frames.values():
        assert len(written) == 3
        assert all(frame is written[0] for frame in written)


def test_a_snapshot_is_compressed_once_for_sockets_that_begin_together(monkeypatch):
    text = json.dumps({"type": "snapshot", "agents": ["x" * 100] * 100, "of": os.urandom(8).hex()})
    compressed = []
    monkeypatch.setattr(encodings, "deflate", lambda data: compressed.append(data) or deflate(data))
    first, second = SOCKETS.deflated[False].control(text), SOCKETS.deflated[False].control(text)
    assert first is second
    assert len(compressed) == 1
    assert inflated(first[4:] if first[1] == 126 else first[2:]) == text.encode()


@pytest.mark.parametrize("packed", [False, True])
def test_the_encoding_follows_what_the_socket_has_negotiated(packed):
    writer = Writer()
    assert SOCKETS.of(writer, packed=packed) is (SOCKETS.packed if packed else SOCKETS.json)[False]
    writer.framed = True
    assert SOCKETS.of(writer, packed=packed) is (SOCKETS.packed if packed else SOCKETS.json)[True]
    writer.deflates = True
    encoding = SOCKETS.of(writer, packed=packed)
    assert encoding is SOCKETS.deflated[packed]
    assert encoding.packed is packed
    assert encoding.unshared is (SOCKETS.packed if packed else SOCKETS.json)[True]
