"""Publishing committed events on Redis. Redis makes delivery fast; the log makes it certain.

So nothing here ever raises into the caller, and a Redis that is down or hangs costs a writer 50 ms
once: after a failure the circuit stays open for a second, then one event tries again.
"""

import logging
import os
import time
from collections.abc import Sequence
from functools import cache, partial

import redis
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

from realtime import metrics
from realtime.log import Entry

TIMEOUT_S = 0.05
OPEN_S = 1.0  # how long a failure keeps the circuit open

logger = logging.getLogger(__name__)


class Publisher:
    """A synchronous Redis client behind a circuit breaker. One per process: sockets do not fork."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            # A connection that Redis closed long ago is replaced at once; a hang is not waited for.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
        self._open_until = float("-inf")  # seconds, monotonic

    def publish(self, stream: str, entries: Sequence[Entry]) -> None:
        """One ``PUBLISH`` an event, the batch in one round trip."""
        if time.monotonic() < self._open_until:
            metrics.PUBLISH_SKIPPED.inc(len(entries))
            return
        pipeline = self._redis.pipeline(transaction=False)
        for entry in entries:
            pipeline.publish(stream, entry.text)
        try:
            pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            self._open_until = time.monotonic() + OPEN_S
            metrics.PUBLISH_FAILURES.inc()
            logger.warning("Redis took no event (%s); readers get them from the log", error)


def on_commit(stream: str, entries: Sequence[Entry]) -> None:
    """Publish ``entries`` once the transaction has committed; a rollback publishes nothing."""
    if entries:
        transaction.on_commit(partial(_publish, stream, entries))


def _publish(stream: str, entries: Sequence[Entry]) -> None:
    metrics.EVENTS.labels(stream.partition(":")[0]).inc(len(entries))
    _publisher(os.getpid(), settings.REDIS_URL).publish(stream, entries)


@cache
def _publisher(pid: int, url: str) -> Publisher:
    return Publisher(url)
