"""No more calls a second than a carrier allows."""

import time


class Limiter:
    """A bucket of tokens that fills at ``rate`` a second up to ``burst``; a call takes one."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = burst
        self._tokens = float(burst)
        self._filled_at = time.monotonic()

    def allow(self) -> bool:
        """Whether a call may go out now."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait(self) -> float:
        """Wait until a call may go out; the seconds waited."""
        begun = time.monotonic()
        while not self.allow():
            time.sleep((1 - self._tokens) / self.rate)
        return time.monotonic() - begun

    def _fill(self) -> None:
        now = time.monotonic()
        self._tokens = min(self.burst, self._tokens + (now - self._filled_at) * self.rate)
        self._filled_at = now
