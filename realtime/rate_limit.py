"""Limits how fast a client sends; by default ten frames a second, with bursts of twenty."""

import time

RATE = 10.0  # frames a second
BURST = 20.0  # frames


class RateLimit:
    """A token bucket: ``rate`` a second, ``burst`` at once."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float = RATE, burst: float = BURST) -> None:
        self._rate, self._burst = rate, burst
        self._tokens = burst
        self._at = time.monotonic()

    def allows(self) -> bool:
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
