"""Waits for the next event of a run, for a worker that waits for a person.

Redis says within milliseconds that something has happened, and the caller reads the database to
learn what. Without Redis the caller reads it twice a second. So no message of Redis decides
anything.
"""

import logging
import time
from types import TracebackType
from typing import Self
from uuid import UUID

import redis
from django.conf import settings

RECHECK_S = 0.5  # interval at which the caller reads the database, whatever Redis says
TIMEOUT_S = 1.0

logger = logging.getLogger(__name__)


class RunEvents:
    """A subscription to the channel of a run. Look at the database after entering the block."""

    def __init__(self, run_id: UUID) -> None:
        self._channel = f"run:{run_id}"
        self._client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
        self._is_subscribed = False

    def __enter__(self) -> Self:
        self._subscribe()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pubsub.close()
        self._client.close()

    def wait(self, at_most_s: float = RECHECK_S) -> None:
        """Wait for an event, at most ``RECHECK_S`` seconds."""
        until = time.monotonic() + max(min(at_most_s, RECHECK_S), 0.0)
        try:
            if not self._is_subscribed:
                self._subscribe()
            while self._is_subscribed and (left := until - time.monotonic()) > 0:
                if self._pubsub.get_message(timeout=left):
                    return
        except redis.RedisError as error:
            self._lost(error)
        time.sleep(max(until - time.monotonic(), 0.0))

    def _subscribe(self) -> None:
        try:
            self._pubsub.subscribe(self._channel)
            self._is_subscribed = True
        except redis.RedisError as error:
            self._lost(error)

    def _lost(self, error: redis.RedisError) -> None:
        if self._is_subscribed:
            logger.warning("Redis does not answer (%s); looking at the database instead", error)
        self._is_subscribed = False
        self._pubsub.reset()
