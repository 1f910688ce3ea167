"""A limit on the frames a client sends: ten a second, with bursts of twenty."""

import time

RATE = 10.0  # frames a second
BURST = 20.0  # frames


class RateLimit:
    """A token bucket."""

    __slots__ = ("_at", "_tokens")

    def __init__(self) -> None:
        self._tokens = BURST
        self._at = time.monotonic()

    def allows(self) -> bool:
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._at) * RATE)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
