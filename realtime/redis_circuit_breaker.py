"""Redis behind a circuit breaker: if Redis is down or hangs, it costs 50 ms once a second.

After a failure the circuit stays open for a second, then one call tries again.
"""

import logging
import os
import time
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import hiredis
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection
from redis.retry import Retry

TIMEOUT_S = 0.05
OPEN_S = 1.0  # how long a failure keeps the circuit open
# A connection that Redis has closed is replaced at once. A timeout is not tried again.
RETRY = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))

logger = logging.getLogger(__name__)


class QuickRedis:
    """Connections behind a circuit breaker. Each process has its own: forks cannot share sockets.

    It holds the connections itself, because redis-py's client takes four times the CPU of sending
    the command and reading the reply.
    """

    def __init__(self, url: str) -> None:
        self._pool = redis.ConnectionPool.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=RETRY
        )
        self._idle: list[AbstractConnection] = []
        self._open_until = float("-inf")  # seconds, monotonic

    @property
    def is_open(self) -> bool:
        """Whether Redis has failed within the last ``OPEN_S`` seconds, so that it is not called."""
        return time.monotonic() < self._open_until

    def run(self, *commands: Sequence[str | int]) -> list[Any] | None:
        """The replies to the commands, in one round trip. An error reply is returned like others.

        ``None`` if Redis does not answer.
        """
        if self.is_open:
            return None
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._pool.make_connection()
        ask = partial(_ask, connection, commands)
        try:
            return RETRY.call_with_retry(ask, lambda error: connection.disconnect())
        except redis.RedisError as error:
            connection.disconnect()  # a late reply must not be read by the next call
            self._open_until = time.monotonic() + OPEN_S
            logger.warning("Redis does not answer (%s); going on without it", error)
            return None
        finally:
            self._idle.append(connection)

    def close(self) -> None:
        """Close the connections. The next call opens another."""
        while self._idle:
            self._idle.pop().disconnect()


def _ask(connection: AbstractConnection, commands: Sequence[Sequence[str | int]]) -> list[Any]:
    # The connection's own packing takes several times as long: it looks at each word in Python.
    connection.send_packed_command([b"".join(map(hiredis.pack_command, map(tuple, commands)))])
    return [_reply(connection) for _ in commands]


def _reply(connection: AbstractConnection) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error


def quick_redis() -> QuickRedis:
    """The one of this process."""
    return of_process(os.getpid(), settings.REDIS_URL)


@cache
def of_process(pid: int, url: str) -> QuickRedis:
    """The one of the process ``pid``, for the Redis at ``url``."""
    return QuickRedis(url)
