"""The channel layer's one subscription survives every message and every leave."""

import asyncio
import json
from collections.abc import AsyncIterator

import msgpack
import pytest
from channels.layers import get_channel_layer

from realtime import log, metrics
from realtime.delivery.layer import StreamLayer
from realtime.delivery.node import COUNTS, Node, group_channel
from realtime.log import streams
from realtime.log.publish import ANSWERS, COMMITS
from tests.waiting import comes_true

STREAM, OTHER = streams.graph("1"), streams.graph("2")
GROUP = streams.group(STREAM)
CHURN = 200  # times that the last follower leaves
ROUND_TRIP_S = 5.0


def event(seq: int) -> bytes:
    return json.dumps({"type": "tool_progress", "seq": seq}).encode()


def losses() -> float:
    return metrics.SUBSCRIPTION_LOSSES._value.get()


@pytest.fixture
async def layer(monkeypatch) -> AsyncIterator[StreamLayer]:
    monkeypatch.setattr(log, "heads", lambda names: {})  # there is no log: Redis alone delivers
    layer = get_channel_layer()
    await layer.group_add("plain", "specific.here!1")
    await comes_true(lambda: layer.node._subscriber._link, ROUND_TRIP_S)
    yield layer
    await layer.flush()


async def hears(layer: StreamLayer) -> bool:
    """Whether a message to a group arrives."""
    await layer.group_send("plain", {"type": "hello"})
    async with asyncio.timeout(ROUND_TRIP_S):
        return await layer.receive("specific.here!1") == {"type": "hello"}


async def test_the_last_follower_of_a_busy_stream_may_leave(layer, redis_server):
    node: Node = layer.node
    subscription, before = node._subscriber._link, losses()
    await layer.group_add(streams.group(OTHER), "specific.here!2")
    node.hub.feeds[OTHER].start(log.Position("e", 0, 0, closed=False))
    for number in range(CHURN):
        await layer.group_add(GROUP, "specific.here!3")
        for seq in range(3):  # Redis has sent these; they are read when the follower has gone
            redis_server.publish(STREAM, event(seq + 1))
        await layer.group_discard(GROUP, "specific.here!3")
        redis_server.publish(OTHER, event(number + 1))
    await comes_true(lambda: node.hub.feeds[OTHER].head == CHURN, ROUND_TRIP_S)
    assert node._subscriber._link is subscription
    assert losses() == before
    assert await hears(layer)


WRONG = {
    "nothing": b"",
    "an event": event(1),
    "bytes": bytes(range(256)),
    "no text": b"\xff\xfe",
    "nested": b"[" * 100_000,
    "a number": b"7",
    "a list": b"[]",
    "null": b"null",
    "no seq": b'{"type": "boot"}',
    "a seq that is text": b'{"type": "boot", "seq": "1"}',
    "a seq that is true": b'{"type": "boot", "seq": true}',
    "a seq that is no number": b'{"type": "boot", "seq": NaN}',
    "an endless seq": b'{"type": "boot", "seq": Infinity}',
    "counts of nobody": b'{"process": "p", "places": {"user 1": "many"}}',
    "counts that are a list": b'{"process": "p", "places": [1]}',
    "a process that is a list": b'{"process": [], "places": {}}',
    "packed nothing": msgpack.packb(None),
    "a packed list": msgpack.packb([1, 2]),
    "a channel that is a list": msgpack.packb({"channel": [], "message": {"type": "x"}}),
    "a message without a type": msgpack.packb({"channel": "specific.here!1", "message": {}}),
    "a message that is text": msgpack.packb({"group": "plain", "message": "x"}),
    "a group that is a dict": msgpack.packb({"group": {}, "message": {"type": "x"}}),
    "packed nested": b"\x91" * 100_000,
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
async def test_no_message_ends_the_subscription(layer, redis_server, data):
    node: Node = layer.node
    subscription, before = node._subscriber._link, losses()
    await layer.group_add(GROUP, "specific.here!3")
    feed = node.hub.feeds[STREAM]
    feed.start(log.Position("e", 0, 0, closed=False))
    for channel in (node._inbox, COUNTS, COMMITS, ANSWERS, group_channel("plain"), STREAM):
        assert redis_server.publish(channel, data), channel
    assert await hears(layer)
    redis_server.publish(STREAM, event(feed.head + 1))
    await comes_true(lambda: feed.head, ROUND_TRIP_S)
    assert node._subscriber._link is subscription
    assert losses() == before
    assert node.connection_counts.held("user 1") == 0
