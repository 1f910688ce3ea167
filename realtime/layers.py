"""The channel layer: Channels' groups over one Redis subscription per process.

A group that stands for a stream joins the hub, whose events come on the stream's own Redis channel
as plain JSON. Every other group and channel works as in any channel layer. A new channel costs no
round trip: its name says which process it lives in, and each process has one inbox.
"""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import redis.asyncio as redis
from channels.layers import BaseChannelLayer
from channels_redis.serializers import registry
from django.conf import settings

from realtime import streams
from realtime.access import AccessCheck
from realtime.heartbeat import Heartbeat
from realtime.hub import Feed, Hub
from realtime.log import Position
from realtime.places import Places
from realtime.subscriber import Subscriber

PREFIX = f"{settings.REDIS_PREFIX}asgi"
PLACES = f"{PREFIX}:places"  # where processes tell each other who holds how many sockets
PUBLISH_S = 1.0  # for Redis to take a message
CAPACITY = 100  # messages a channel holds; what comes then is dropped, as the specification allows

Hear = Callable[[dict[str, Any]], None]

logger = logging.getLogger(__name__)


class StreamLayer(BaseChannelLayer):
    """``CHANNEL_LAYERS`` backend.

    ``CONFIG`` takes ``hosts``, a list of one Redis URL, and ``symmetric_encryption_keys`` for what is
    sent through the layer (events are never encrypted: other services read them).
    """

    extensions = ["groups", "flush"]

    def __init__(
        self, hosts: list[str], symmetric_encryption_keys: list[str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        (self._url,) = hosts
        self._serializer = registry.get_serializer(
            "msgpack", symmetric_encryption_keys=symmetric_encryption_keys
        )
        self._members: WeakKeyDictionary[asyncio.AbstractEventLoop, _Member] = WeakKeyDictionary()
        self._latest: tuple[asyncio.AbstractEventLoop | None, _Member | None] = None, None

    def feed(self, stream: str) -> Feed:
        """The feed of a stream whose group a channel of this process has joined."""
        return self._member().hub.feeds[stream]

    @property
    def access(self) -> AccessCheck:
        """What looks after the access of this process's sockets."""
        return self._member().access

    @property
    def places(self) -> Places:
        """Who holds how many sockets."""
        return self._member().places

    @property
    def heartbeat(self) -> Heartbeat:
        """What lets this process's sockets beat."""
        return self._member().heartbeat

    async def positions(self, *names: str) -> dict[str, Position]:
        """Where these streams stand, and others."""
        return await self._member().hub.positions(*names)

    def listen(self, channel: str, hear: Hear | None) -> None:
        """Hand messages of a channel of this process to ``hear``, in place of ``receive``."""
        self._member().listen(channel, hear)

    async def new_channel(self, prefix: str = "specific") -> str:
        return f"{prefix}.{self._member().name}!{secrets.token_hex(12)}"

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        self.require_valid_channel_name(channel)
        await self._publish(_inbox(channel), {"channel": channel, "message": message})

    async def receive(self, channel: str) -> dict[str, Any]:
        return await self._member().receive(channel)

    async def group_add(self, group: str, channel: str) -> None:
        self.require_valid_group_name(group)
        await self._member().join(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._member().leave(group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.require_valid_group_name(group)
        await self._publish(_group_channel(group), {"group": group, "message": message})

    async def flush(self) -> None:
        """Forget everything this process knows and close its connection."""
        self._latest = None, None
        if member := self._members.pop(asyncio.get_running_loop(), None):
            await member.close()

    def _member(self) -> "_Member":
        loop = asyncio.get_running_loop()
        if loop is not self._latest[0]:  # a server has one loop, and asks a dozen times a socket
            if loop not in self._members:
                self._members[loop] = _Member(self._url, self._serializer.deserialize)
            self._latest = loop, self._members[loop]
        return self._latest[1]

    async def _publish(self, channel: str, envelope: dict[str, Any]) -> None:
        # Rare beside events, which do not come this way; and the loop may be a passing one.
        async with asyncio.timeout(PUBLISH_S), _client(self._url) as client:
            await client.publish(channel, self._serializer.serialize(envelope))


class _Member:
    """The layer within one event loop: the hub, the subscription, who is in which group."""

    def __init__(self, url: str, deserialize: Callable[[bytes], dict[str, Any]]) -> None:
        self._deserialize = deserialize
        self.name = secrets.token_hex(8)
        self.hub = Hub()
        self.access = AccessCheck()
        self.places = Places(self.name, self._tell)
        self._redis = _client(url)
        self.heartbeat = Heartbeat()
        self._listeners: dict[str, Hear] = {}
        self._queues: dict[str, asyncio.Queue] = {}
        self._groups: defaultdict[str, set[str]] = defaultdict(set)
        self._inbox = f"{PREFIX}:inbox:{self.name}"
        self._subscriber = Subscriber(
            url,
            homes=[self._inbox, PLACES],
            on_message=self._on_message,
            on_connect=self.hub.sweep_soon,
        )
        self._subscriber.start()

    async def receive(self, channel: str) -> dict[str, Any]:
        try:
            return await self._queue(channel).get()
        except asyncio.CancelledError:  # the consumer has ended, and its channel with it
            self._queues.pop(channel, None)
            raise

    def listen(self, channel: str, hear: Hear | None) -> None:
        if hear is None:
            self._listeners.pop(channel, None)
        else:
            self._listeners[channel] = hear

    async def join(self, group: str, channel: str) -> None:
        self._groups[group].add(channel)
        if len(self._groups[group]) > 1:
            return
        channels = [_group_channel(group)]
        if stream := streams.of_group(group):
            self.hub.add(stream)
            channels.insert(0, stream)
        try:
            await self._subscriber.add(*channels)
        except asyncio.CancelledError:  # who joins has gone, and will not leave
            await self.leave(group, channel)
            raise

    async def leave(self, group: str, channel: str) -> None:
        self._groups[group].discard(channel)
        if self._groups[group]:
            return
        del self._groups[group]
        stream = streams.of_group(group)
        if stream is None:
            await self._subscriber.remove(_group_channel(group))
        else:
            self.hub.feeds.pop(stream).close()
            await self._subscriber.remove(stream, _group_channel(group))

    async def close(self) -> None:
        await self._subscriber.close()
        self.heartbeat.close()
        await self.access.close()
        await self.places.close()
        await self.hub.close()
        await self._redis.aclose()

    async def _tell(self, text: bytes) -> None:
        try:
            async with asyncio.timeout(PUBLISH_S):
                await self._redis.publish(PLACES, text)
        except (redis.RedisError, OSError):  # a TimeoutError among them
            logger.debug("The other processes hear nothing of the places taken here")

    def _on_message(self, name: str, data: bytes) -> None:
        if streams.is_stream(name):
            # Without a feed the last follower has left and Redis has not heard of it yet.
            self.hub.receive(name, data)
            return
        if name == PLACES:
            self.places.heard(data)
            return
        match self._deserialize(data):
            case {"channel": str(channel), "message": {"type": str()} as message}:
                self._put(channel, message)
            case {"group": str(group), "message": {"type": str()} as message}:
                for channel in tuple(self._groups.get(group, ())):
                    self._put(channel, message)
            case other:
                raise ValueError(f"no envelope but {type(other).__name__}")

    def _put(self, channel: str, message: dict[str, Any]) -> None:
        if hear := self._listeners.get(channel):
            hear(message)
            return
        queue = self._queue(channel)
        if not queue.full():
            queue.put_nowait(message)

    def _queue(self, channel: str) -> asyncio.Queue:
        if channel not in self._queues:
            self._queues[channel] = asyncio.Queue(CAPACITY)
        return self._queues[channel]


def _client(url: str) -> redis.Redis:
    """A client that can be cancelled at any moment; see `subscriber.Subscriber` for why."""
    return redis.Redis.from_url(url, socket_timeout=None)


def _inbox(channel: str) -> str:
    return f"{PREFIX}:inbox:{channel.partition('!')[0].rpartition('.')[2]}"


def _group_channel(group: str) -> str:
    return f"{PREFIX}:group:{group}"
