"""How often somebody did something in this minute, counted in Redis by all processes together.

A Redis that does not answer counts nothing: then the limits wait, not the users.
"""

import time

from django.conf import settings
from redis.client import Pipeline

from realtime.quick_redis import quick_redis

WINDOW_S = 60


def count(holder: str) -> int:
    """Count once more for ``holder``, any text; how often that was in this minute, or 0."""
    key = f"{settings.REDIS_PREFIX}rate:{int(time.time()) // WINDOW_S}:{holder}"

    def fill(pipeline: Pipeline) -> None:
        pipeline.incr(key)
        pipeline.expire(key, WINDOW_S * 2)

    replies = quick_redis().run(fill)
    return replies[0] if replies and isinstance(replies[0], int) else 0


def left_s() -> float:
    """Seconds until this minute is over."""
    return WINDOW_S - time.time() % WINDOW_S
