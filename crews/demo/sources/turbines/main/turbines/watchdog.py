"""Calls out when a turbine has been silent for too long."""

import threading
from collections.abc import Callable


class Watchdog:
    """Calls ``alarm`` once when ``feed`` was not called for ``patience_s`` seconds."""

    def __init__(self, alarm: Callable[[], None], patience_s: float) -> None:
        self._alarm = alarm
        self._patience_s = patience_s
        self._timer = self._start()

    def feed(self) -> None:
        """A reading came: start waiting anew."""
        self._timer.cancel()
        self._timer = self._start()

    def stop(self) -> None:
        self._timer.cancel()

    def _start(self) -> threading.Timer:
        timer = threading.Timer(self._patience_s, self._alarm)
        timer.daemon = True
        timer.start()
        return timer
