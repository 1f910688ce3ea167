"""The last hop of an event: from the socket until a page shows it. The pages measure it."""

import time
from collections.abc import Container
from typing import Any

from realtime import metrics
from realtime.sockets.inbound import Malformed

EVERY_S = 5.0  # a socket's measurements beyond one in so many seconds are ignored
TIMER_TOLERANCE_S = 1.0  # timers of browsers are not exact
LONGEST_MS = 60_000


class RenderTimes:
    """The measurements that one socket sends."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = float("-inf")  # seconds, monotonic

    def count(self, frame: dict[str, Any], followed: Container[str]) -> None:
        """Count the measurement in a frame of the client. Raises ``Malformed``.

        One of a stream that the socket does not follow any more is ignored.
        """
        stream, ms = frame.get("stream"), frame.get("ms")
        is_number = isinstance(ms, int | float) and not isinstance(ms, bool)
        if not is_number or not 0 <= ms <= LONGEST_MS:  # so neither NaN nor infinite
            raise Malformed(f"ms is a number from 0 to {LONGEST_MS}.")
        if not isinstance(stream, str):
            raise Malformed("stream is the name of a stream.")
        now = time.monotonic()
        if now < self._next or stream not in followed:
            return
        self._next = now + EVERY_S - TIMER_TOLERANCE_S
        metrics.observe_hop("render", stream, ms / 1000)
