"""The object that a channel layer and the sockets of one event loop share in a process.

A group that represents a stream joins the hub. The stream's events come as plain JSON on a Redis
channel of their own.
"""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import redis.asyncio as redis
from django.conf import settings

from realtime.delivery.access_check import AccessCheck
from realtime.delivery.approval_waiters import Decisions
from realtime.delivery.commit_samples import CommitSamples
from realtime.delivery.connection_counts import ConnectionCounts
from realtime.delivery.feed import Feed
from realtime.delivery.heartbeat import Heartbeat
from realtime.delivery.hub import Hub
from realtime.delivery.redis_subscriber import Subscriber
from realtime.log import streams
from realtime.log.publish import ANSWERS, COMMITS

PREFIX = f"{settings.REDIS_PREFIX}asgi"
COUNTS = f"{PREFIX}:places"  # the Redis channel of connection counts
PUBLISH_S = 1.0  # limit for Redis to accept a message
CAPACITY = 100  # messages a channel holds; further ones are dropped, as the specification allows

Handler = Callable[[dict[str, Any]], None]

logger = logging.getLogger(__name__)


class Sockets(NamedTuple):
    """How many sockets are ``open``. ``by_stream``: ids of the connections that follow each
    stream, and how many of them are behind, so that they read the log.
    """

    open: int = 0
    by_stream: Mapping[str, tuple[set[int], int]] = MappingProxyType({})


class Node:
    """This process on one event loop: the hub, the Redis subscription, the members of each group,
    and the checks and heartbeats of the sockets.
    """

    def __init__(self, url: str, deserialize: Callable[[bytes], dict[str, Any]]) -> None:
        self._deserialize = deserialize
        self.name = secrets.token_hex(8)
        self.hub = Hub()
        self.access = AccessCheck()
        self.decisions = Decisions(self.join, self.leave)
        self.connection_counts = ConnectionCounts(self.name, self._publish_counts)
        self._commit_samples = CommitSamples()
        self._redis = client_of(url)
        self.heartbeat = Heartbeat()
        self.listeners: dict[str, Handler] = {}
        self.queues: dict[str, asyncio.Queue] = {}
        self.groups: defaultdict[str, set[str]] = defaultdict(set)
        self._inbox = f"{PREFIX}:inbox:{self.name}"
        self._subscriber = Subscriber(
            url,
            homes=[self._inbox, COUNTS, COMMITS, ANSWERS],
            on_message=self._on_message,
            on_connect=self.hub.sweep_soon,
        )
        self._subscriber.start()

    @property
    def has_redis(self) -> bool:
        """Whether this process receives from Redis now."""
        return self._subscriber.is_connected

    def sockets(self) -> Sockets:
        """The sockets that are open now."""
        feeds = self.hub.feeds.items()
        by_stream = {name: feed.connections() for name, feed in feeds if feed.followers}
        return Sockets(self.connection_counts.sockets, by_stream)

    def feed(self, stream: str) -> Feed:
        """The feed of a stream whose group a channel of this process has joined."""
        return self.hub.feeds[stream]

    async def receive(self, channel: str) -> dict[str, Any]:
        try:
            return await self._queue(channel).get()
        except asyncio.CancelledError:  # the consumer and its channel have ended
            self.queues.pop(channel, None)
            raise

    def listen(self, channel: str, handle: Handler | None) -> None:
        """Pass messages of a channel of this process to ``handle`` instead of ``receive``."""
        if handle is None:
            self.listeners.pop(channel, None)
        else:
            self.listeners[channel] = handle

    async def join(self, group: str, channel: str) -> None:
        self.groups[group].add(channel)
        if len(self.groups[group]) > 1:
            return
        channels = [group_channel(group)]
        if stream := streams.of_group(group):
            self.hub.add(stream)
            channels.insert(0, stream)
        try:
            await self._subscriber.add(*channels)
        except asyncio.CancelledError:  # the socket that joins has closed, and will not call leave
            await self.leave(group, channel)
            raise

    async def leave(self, group: str, channel: str) -> None:
        self.groups[group].discard(channel)
        if self.groups[group]:
            return
        del self.groups[group]
        stream = streams.of_group(group)
        if stream is None:
            self._subscriber.remove(group_channel(group))
        else:
            self.hub.feeds.pop(stream).close()
            self._subscriber.remove(stream, group_channel(group))

    async def close(self) -> None:
        await self._subscriber.close()
        self.heartbeat.close()
        await self.decisions.close()
        await self.access.close()
        await self.connection_counts.close()
        await self.hub.close()
        await self._redis.aclose()

    async def _publish_counts(self, text: bytes) -> None:
        try:
            async with asyncio.timeout(PUBLISH_S):
                await self._redis.publish(COUNTS, text)
        except (redis.RedisError, OSError):  # a TimeoutError among them
            logger.debug("The other processes did not receive the connection counts")

    def _on_message(self, name: str, data: bytes) -> None:
        if streams.is_stream(name):
            # If there is no feed, the last follower has left and the channel is still subscribed.
            self.hub.receive(name, data)
            self.decisions.receive(data)
            return
        if name == COUNTS:
            self.connection_counts.receive(data)
            return
        if name == COMMITS:
            self._commit_samples.receive_commit(data)
            return
        if name == ANSWERS:
            self._commit_samples.receive_answer(data)
            return
        match self._deserialize(data):
            case {"channel": str(channel), "message": {"type": str()} as message}:
                self._put(channel, message)
            case {"group": str(group), "message": {"type": str()} as message}:
                for channel in tuple(self.groups.get(group, ())):
                    self._put(channel, message)
            case other:
                raise ValueError(f"no envelope but {type(other).__name__}")

    def _put(self, channel: str, message: dict[str, Any]) -> None:
        if handle := self.listeners.get(channel):
            handle(message)
            return
        queue = self._queue(channel)
        if not queue.full():
            queue.put_nowait(message)

    def _queue(self, channel: str) -> asyncio.Queue:
        if channel not in self.queues:
            self.queues[channel] = asyncio.Queue(CAPACITY)
        return self.queues[channel]


def client_of(url: str) -> redis.Redis:
    """A client that can be cancelled at any moment; `Subscriber` gives the reason."""
    return redis.Redis.from_url(url, socket_timeout=None)


def inbox(channel: str) -> str:
    """The Redis channel of the process that ``channel`` belongs to."""
    return f"{PREFIX}:inbox:{channel.partition('!')[0].rpartition('.')[2]}"


def group_channel(group: str) -> str:
    return f"{PREFIX}:group:{group}"
