"""No more calls a second than a carrier allows."""

import time


class Limiter:
    """Counts the calls of the present second."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = burst
        self._second = int(time.monotonic())
        self._calls = 0

    def allow(self) -> bool:
        """Whether a call may go out now."""
        self._calls += 1
        return self._calls < self.burst

    def wait(self) -> float:
        """The seconds until a call may go out."""
        return 0.0 if self.allow() else 1 / self.rate
