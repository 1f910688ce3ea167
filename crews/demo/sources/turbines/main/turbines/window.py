"""The mean of the last seconds."""

import time
from collections import deque


class Window:
    """Readings not older than ``length_s`` seconds."""

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self._readings: deque[tuple[float, float]] = deque()

    def add(self, reading: float) -> None:
        self._readings.append((time.monotonic(), reading))

    def mean(self) -> float | None:
        """The mean, or ``None`` when no reading is recent enough."""
        oldest = time.monotonic() - self.length_s
        while self._readings and self._readings[0][0] < oldest:
            self._readings.popleft()
        if not self._readings:
            return None
        return sum(reading for _, reading in self._readings) / len(self._readings)
