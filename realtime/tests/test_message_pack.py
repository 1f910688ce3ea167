"""MessagePack says the same as JSON, and what a client sends is bounded."""

import json
import time
import tracemalloc
from datetime import UTC, datetime

import msgpack
import pytest
from hypothesis import example, given, settings

from realtime.delivery.feed import Feed
from realtime.delivery.hub import Hub
from realtime.log import Position
from realtime.servers.encodings import SOCKETS
from realtime.servers.message_pack import ITEMS_LIMIT, pack
from realtime.servers.writer import QueueWriter
from realtime.sockets.inbound import FRAME_LIMIT, Malformed, parse
from realtime.tests.test_poison import PROFILE, TEXTS, values
from runs.events.encoding import encode
from runs.events.kinds import KINDS, ToolProgress, ToolStart
from tests.events import sample

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEVELS = 1024  # that the library reads


def assert_same(text: str) -> None:
    """Read both with libraries that have written neither."""
    expected = json.loads(text)
    if "output" in expected:
        expected["output"] = expected["output"].encode()
    assert msgpack.unpackb(pack(text)) == expected


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_kind_of_event_says_the_same(kind):
    assert_same(encode(sample(kind), seq=2**40, timestamp=NOON))


@settings(max_examples=300, **PROFILE)
@given(values(), TEXTS)
@example({"output": "nested stays text", "bytes": 1.0, "n": -(2**53) + 1}, "")
@example(None, "\ufeff\x1b[31m\u2028é🦀\r\n")
def test_generated_events_say_the_same(value, text):
    assert_same(encode(sample(ToolStart, params={"value": value}), seq=1, timestamp=NOON))
    assert_same(encode(sample(ToolProgress, message=text, output=text), seq=2, timestamp=NOON))


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536, 70_000])
def test_a_frame_is_one_binary_message(size):
    text = json.dumps({"type": "x", "pad": "y" * size})
    framed, payload = SOCKETS.packed[True].control(text), SOCKETS.packed[False].control(text)
    assert framed[0] == 0x82
    assert framed.endswith(payload)
    assert len(SOCKETS.json[True].control(text)) > len(framed)


def packed_ping(size: int) -> dict[str, bytes]:
    """A frame of ``size`` bytes."""
    bare = len(msgpack.packb({"type": "ping", "pad": "x" * 1000})) - 1000
    return {"bytes": msgpack.packb({"type": "ping", "pad": "x" * (size - bare)})}


def test_a_frame_may_have_16_kib():
    assert parse(packed_ping(FRAME_LIMIT), packed=True)["type"] == "ping"
    with pytest.raises(Malformed, match="at most 16384 bytes"):
        parse(packed_ping(FRAME_LIMIT + 1), packed=True)


def nested(levels: int) -> bytes:
    return b"\x82\xa4type\xa4ping\xa1x" + b"\x91" * (levels - 1) + b"\xc0"


def test_a_frame_may_be_nested_as_deep_as_the_library_reads():
    assert parse({"bytes": nested(LEVELS - 1)}, packed=True)["type"] == "ping"
    with pytest.raises(Malformed, match="nested too deeply"):
        parse({"bytes": nested(LEVELS + 1)}, packed=True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x81\xa4type",
        msgpack.packb({"type": "ping"}) * 2,
        msgpack.packb([]),
        msgpack.packb("ping"),
        msgpack.packb({"type": 1}),
        msgpack.packb({"type": b"ping"}),
        msgpack.packb({b"type": "ping"}),
        msgpack.packb({1: 2, "type": "ping"}),
        msgpack.packb({"type": "ping", "x": list(range(ITEMS_LIMIT + 1))}),
        msgpack.packb(msgpack.ExtType(5, b"x")),
        msgpack.packb(msgpack.Timestamp(1)),
        b"\x81\xa4type\xa2\xff\xfe",
        b"\x82\xa4type\xa4ping\xa1x\xdd\xff\xff\xff\xff",
        b"\x82\xa4type\xa4ping\xa1x\xdf\xff\xff\xff\xff",
        b"\x82\xa4type\xa4ping\xa1x\xc9\xff\xff\xff\xff\x01",
        b'{"type":"ping"}',
    ],
    ids=repr,
)
def test_what_is_no_frame_is_malformed(data):
    with pytest.raises(Malformed):
        parse({"bytes": data}, packed=True)


def test_the_other_kind_of_message_is_refused_with_the_reason():
    with pytest.raises(Malformed, match="Send MessagePack in binary frames"):
        parse({"text": '{"type":"ping"}'}, packed=True)
    with pytest.raises(Malformed, match=r"Send JSON text; .* crewops\.msgpack"):
        parse({"bytes": msgpack.packb({"type": "ping"})}, packed=False)


def test_lengths_that_are_only_announced_cost_little():
    """Each level announces as many entries as it may."""
    announced = b"\xdc" + ITEMS_LIMIT.to_bytes(2, "big")
    data = b"\x82\xa4type\xa4ping\xa1x" + announced * (LEVELS - 2)
    tracemalloc.start()
    began = time.perf_counter()
    try:
        with pytest.raises(Malformed):
            parse({"bytes": data}, packed=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - began < 1
    assert peak < 16 * 1024 * 1024


@pytest.mark.parametrize(
    "poison",
    [
        '{"seq":1,"type":"x","n":NaN}',
        '{"seq":1,"type":"x","n":18446744073709551616}',
        '{"seq":1,"type":"x","n":"\\ud800"}',
    ],
)
async def test_what_cannot_be_packed_is_not_taken_from_redis(poison, monkeypatch):
    """The log has the event as it should be: the feed must not have counted the other one."""
    feed = Feed("run:x")
    feed.start(Position("epoch", 0, 0, closed=False))
    written = []
    feed.write_to(object(), SOCKETS.packed[False], lambda frame: written.append(frame) or True)
    hub = object.__new__(Hub)
    hub.feeds = {"run:x": feed}
    hub.receive("run:x", poison.encode())
    assert feed.head == 0
    hub.receive("run:x", b'{"seq":1,"type":"x"}')
    assert feed.head == 1
    assert list(map(msgpack.unpackb, written)) == [{"seq": 1, "type": "x"}]


async def test_any_other_server_is_given_bytes():
    sent = []

    async def send(message):
        sent.append(message)

    writer = QueueWriter(send)
    for encoding in (SOCKETS.packed, SOCKETS.json):
        writer.write(encoding[writer.framed].control('{"type":"pong"}'))
    await writer.drained()
    writer.stop()
    assert [set(message) - {"type"} for message in sent] == [{"bytes"}, {"text"}]
    assert msgpack.unpackb(sent[0]["bytes"]) == {"type": "pong"}
