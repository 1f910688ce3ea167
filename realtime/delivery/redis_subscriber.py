"""The one connection to Redis on which this process subscribes to channels."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection
from contextvars import Context
from typing import Any

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from realtime import metrics

CONFIRM_S = 0.25  # limit for Redis to confirm a subscription; the sweep finds missed events
SILENCE_S = 2.0  # after this time without a message, Redis gets a ping
CONNECT_S = 2.0
BACKOFF_S = (0.1, 1.0)  # between attempts to connect, doubling, with full jitter

logger = logging.getLogger(__name__)


class _Once(Retry):
    """Tries once. With no retries, redis-py's own class still makes a new connection.

    It would make that connection without a timeout. Two tasks would make one at the same time if
    one of them was reading while the other subscribed.
    """

    async def call_with_retry(self, do: Callable[[], Awaitable[Any]], *_: Any, **__: Any) -> Any:
        return await do()


class Subscriber:
    """Keeps a set of channels subscribed, whatever fails in Redis. It raises no error of Redis.

    ``on_message(channel, data)`` is called for each message; if it raises, the message is dropped.
    ``on_connect()`` is called after each connection, because earlier messages may be missing.
    """

    def __init__(
        self,
        url: str,
        *,
        homes: Collection[str],
        on_message: Callable[[str, bytes], None],
        on_connect: Callable[[], None],
    ) -> None:
        self._url = url
        self._channels = set(homes)  # at least one, so that there is always a subscription
        self._on_message = on_message
        self._on_connect = on_connect
        self._pubsub: redis.client.PubSub | None = None
        self._confirmations: dict[str, asyncio.Future[None]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        return _is_connected(self._pubsub)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="redis-subscriber", context=Context())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def add(self, *channels: str) -> None:
        """Subscribe, and wait ``CONFIRM_S`` for the confirmation of Redis."""
        self._channels.update(channels)
        if not _is_connected(self._pubsub):
            return  # the next connection subscribes to all channels
        confirmations = [
            self._confirmations.setdefault(channel, asyncio.get_running_loop().create_future())
            for channel in channels
        ]
        try:
            async with asyncio.timeout(CONFIRM_S):
                await self._pubsub.subscribe(*channels)
                await asyncio.gather(*confirmations)
        except (redis.RedisError, OSError, TimeoutError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and asyncio.current_task().cancelling():
                raise
            logger.info(
                "Redis did not confirm %s in time; missed events will be read from the log",
                channels,
            )
        finally:
            for channel in channels:
                self._confirmations.pop(channel, None)

    async def remove(self, *channels: str) -> None:
        self._channels.difference_update(channels)
        if _is_connected(self._pubsub):
            try:
                async with asyncio.timeout(CONFIRM_S):
                    await self._pubsub.unsubscribe(*channels)
            except (redis.RedisError, OSError, TimeoutError):
                logger.debug(
                    "Redis did not confirm the unsubscribe; "
                    "the next connection will not subscribe to these channels"
                )

    async def _run(self) -> None:
        pause = BACKOFF_S[0]
        while True:
            try:
                async with (
                    redis.Redis.from_url(
                        self._url,
                        socket_connect_timeout=CONNECT_S,
                        # With a timeout here, Python 3.11 loses a cancellation that comes while
                        # redis sends (`asyncio.wait_for`), and this task would never end.
                        socket_timeout=None,
                        protocol=2,  # a message costs a fifth less than one pushed by version 3
                        retry=_Once(NoBackoff(), 0),
                    ) as client,
                    client.pubsub() as pubsub,
                ):
                    known = set(self._channels)
                    async with asyncio.timeout(CONNECT_S):
                        await pubsub.subscribe(*known)
                        self._pubsub = pubsub
                        # Channels that were added while the connection was being made.
                        if added := self._channels - known:
                            await pubsub.subscribe(*added)
                    logger.info("Subscribed to Redis")
                    self._on_connect()
                    pause = BACKOFF_S[0]
                    await self._listen(pubsub)
            except (redis.RedisError, OSError, TimeoutError) as error:
                metrics.SUBSCRIPTION_LOSSES.inc()
                logger.warning("Redis subscription lost (%s); events come from the log", error)
            except Exception:
                metrics.SUBSCRIPTION_LOSSES.inc()
                logger.exception("Redis subscription failed; connecting again")
            finally:
                self._pubsub = None
            await asyncio.sleep(random.uniform(0, pause))
            pause = min(pause * 2, BACKOFF_S[1])

    async def _listen(self, pubsub: redis.client.PubSub) -> None:
        asked = False
        while _is_connected(pubsub):
            message = await pubsub.get_message(timeout=SILENCE_S)
            if message is None:
                if asked:
                    raise redis.ConnectionError("no answer to a ping")
                async with asyncio.timeout(CONNECT_S):
                    await pubsub.ping()
                asked = True
                continue
            asked = False
            if message["type"] == "message":
                self._dispatch(message["channel"].decode(), message["data"])
            elif message["type"] == "subscribe":
                confirmation = self._confirmations.get(message["channel"].decode())
                if confirmation and not confirmation.done():
                    confirmation.set_result(None)
        raise redis.ConnectionError("broken while a channel was asked for")

    def _dispatch(self, channel: str, data: bytes) -> None:
        """An error of one message must not end the subscription: all sockets depend on it."""
        try:
            self._on_message(channel, data)
        except Exception as error:
            metrics.UNREADABLE_MESSAGES.inc()
            logger.warning("A message on %s was dropped: %r", channel, error)


def _is_connected(pubsub: redis.client.PubSub | None) -> bool:
    """If it is not connected, redis-py would make a new connection as soon as it is used."""
    return bool(pubsub and pubsub.connection and pubsub.connection.is_connected)
