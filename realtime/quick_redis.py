"""A Redis that nobody waits for: one that is down or hangs costs 50 ms once a second.

After a failure the circuit stays open for a second, then one call tries again.
"""

import logging
import os
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry

TIMEOUT_S = 0.05
OPEN_S = 1.0  # how long a failure keeps the circuit open

logger = logging.getLogger(__name__)


class QuickRedis:
    """A synchronous client behind a circuit breaker. One per process: sockets do not fork."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            # A connection that Redis closed long ago is replaced at once; a hang is not waited for.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
        self._open_until = float("-inf")  # seconds, monotonic

    @property
    def is_open(self) -> bool:
        """Whether Redis has failed a moment ago and is left alone."""
        return time.monotonic() < self._open_until

    def run(self, fill: Callable[[Pipeline], None]) -> list[Any] | None:
        """The replies to what ``fill`` puts in, in one round trip, errors among them; ``None``
        where Redis does not answer.
        """
        if self.is_open:
            return None
        pipeline = self._redis.pipeline(transaction=False)
        fill(pipeline)
        try:
            return pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            self._open_until = time.monotonic() + OPEN_S
            logger.warning("Redis does not answer (%s); going on without it", error)
            return None


def quick_redis() -> QuickRedis:
    """This process's."""
    return _of_process(os.getpid(), settings.REDIS_URL)


@cache
def _of_process(pid: int, url: str) -> QuickRedis:
    return QuickRedis(url)
