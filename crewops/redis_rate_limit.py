"""Counts calls in the current minute, in Redis, for all processes together.

If Redis does not respond, nothing is counted: the limits do not apply, and no user is blocked.
"""

import time

from django.conf import settings

from realtime.redis_circuit_breaker import quick_redis

WINDOW_S = 60


def count(holder: str) -> int:
    """Count a call by ``holder``, any text. Return its calls in this minute, 0 without Redis."""
    key = f"{settings.REDIS_PREFIX}rate:{int(time.time()) // WINDOW_S}:{holder}"
    replies = quick_redis().run(("INCRBY", key, 1), ("EXPIRE", key, WINDOW_S * 2))
    return replies[0] if replies and isinstance(replies[0], int) else 0


def left_s() -> float:
    """Seconds until the current minute ends."""
    return WINDOW_S - time.time() % WINDOW_S
