"""The one connection to Redis on which this process subscribes to channels.

redis-py opens the connection: address, TLS, password. Messages then go straight from the transport
to `Subscriber`. redis-py's ``PubSub`` runs a task and sets two timeouts for each message, which
took four times the CPU (redis-py 8.1.0).
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection
from contextvars import Context
from typing import Any

import hiredis
import redis.asyncio as redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from realtime import metrics

CONFIRM_S = 0.25  # limit for Redis to confirm a subscription; the sweep finds missed events
SILENCE_S = 2.0  # after this time without a message, Redis gets a ping
CONNECT_S = 2.0
BACKOFF_S = (0.1, 1.0)  # between attempts to connect, doubling, with full jitter

logger = logging.getLogger(__name__)


class _Link(asyncio.Protocol):
    """A connection that redis-py has opened: calls ``on_reply`` with each reply of Redis.

    ``lost``: why it has ended. ``received_at``: loop time of the last data.
    """

    def __init__(self, connection: AbstractConnection, on_reply: Callable[[Any], None]) -> None:
        self._on_reply = on_reply
        self._parser = hiredis.Reader()
        self._loop = asyncio.get_running_loop()
        self.received_at = self._loop.time()
        self.lost: asyncio.Future[Exception] = self._loop.create_future()
        self._transport: asyncio.Transport = connection._writer.transport
        self._transport.set_protocol(self)

    def send(self, *command: str) -> None:
        self._transport.write(hiredis.pack_command(command))

    def data_received(self, data: bytes) -> None:
        self.received_at = self._loop.time()
        try:
            self._parser.feed(data)
            while (reply := self._parser.gets()) is not False:
                self._on_reply(reply)
        except (redis.RedisError, hiredis.HiredisError) as error:
            self._transport.abort()
            self.connection_lost(error)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(error or redis.ConnectionError("closed by Redis"))

    async def wait_until_lost(self) -> Exception:
        """Ping after ``SILENCE_S``. Return why the connection has ended, or does not answer."""
        pinged = False
        until = self._loop.time() + SILENCE_S
        while not (await asyncio.wait([self.lost], timeout=until - self._loop.time()))[0]:
            if self.received_at + SILENCE_S > until:
                until, pinged = self.received_at + SILENCE_S, False
            elif pinged:
                return redis.ConnectionError("no answer to a ping")
            else:
                self.send("PING")
                until, pinged = self._loop.time() + SILENCE_S, True
        return self.lost.result()


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
        self._pool = redis.ConnectionPool.from_url(
            url,
            socket_connect_timeout=CONNECT_S,
            # With a timeout here, Python 3.11 loses a cancellation that comes while redis-py sends
            # (`asyncio.wait_for`), and this task would never end.
            socket_timeout=None,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
        )
        self._channels = set(homes)  # at least one, so that there is always a subscription
        self._on_message = on_message
        self._on_connect = on_connect
        self._link: _Link | None = None
        self._confirmations: dict[str, asyncio.Future[None]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        return self._link is not None and not self._link.lost.done()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="redis-subscriber", context=Context())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def add(self, *channels: str) -> None:
        """Subscribe, and wait ``CONFIRM_S`` for the confirmation of Redis."""
        self._channels.update(channels)
        if not self.is_connected:
            return  # the next connection subscribes to all channels
        create = asyncio.get_running_loop().create_future
        confirmations = [self._confirmations.setdefault(c, create()) for c in channels]
        self._link.send("SUBSCRIBE", *channels)
        _, late = await asyncio.wait(confirmations, timeout=CONFIRM_S)
        if late:
            logger.info(
                "Redis did not confirm %s in time; missed events will be read from the log",
                channels,
            )

    def remove(self, *channels: str) -> None:
        self._channels.difference_update(channels)
        for channel in channels:
            self._confirmations.pop(channel, None)
        if self.is_connected:
            self._link.send("UNSUBSCRIBE", *channels)

    async def _run(self) -> None:
        pause = BACKOFF_S[0]
        while True:
            connection = self._pool.make_connection()
            try:
                async with asyncio.timeout(CONNECT_S):
                    await connection.connect()
                self._link = _Link(connection, self._on_reply)
                self._link.send("SUBSCRIBE", *self._channels)
                logger.info("Subscribed to Redis")
                self._on_connect()
                pause = BACKOFF_S[0]
                raise await self._link.wait_until_lost()
            except (redis.RedisError, hiredis.HiredisError, OSError, TimeoutError) as error:
                metrics.SUBSCRIPTION_LOSSES.inc()
                logger.warning("Redis subscription lost (%s); events come from the log", error)
            except Exception:
                metrics.SUBSCRIPTION_LOSSES.inc()
                logger.exception("Redis subscription failed; connecting again")
            finally:
                self._link = None
                await connection.disconnect(nowait=True)
            await asyncio.sleep(random.uniform(0, pause))
            pause = min(pause * 2, BACKOFF_S[1])

    def _on_reply(self, reply: Any) -> None:
        match reply:
            case [b"message", bytes(channel), bytes(data)]:
                self._dispatch(channel.decode(), data)
            case [b"subscribe", bytes(channel), _]:
                confirmation = self._confirmations.pop(channel.decode(), None)
                if confirmation:
                    confirmation.set_result(None)
            case hiredis.ReplyError():  # for example, a channel that the user may not subscribe to
                raise redis.ResponseError(str(reply))

    def _dispatch(self, channel: str, data: bytes) -> None:
        """An error of one message must not end the subscription: all sockets depend on it."""
        try:
            self._on_message(channel, data)
        except Exception as error:
            metrics.UNREADABLE_MESSAGES.inc()
            logger.warning("A message on %s was dropped: %r", channel, error)
