"""Reads a sensor at a steady pace."""

import time
from collections.abc import Callable, Iterator


def samples(sensor: Callable[[], float], *, count: int, every_s: float) -> Iterator[float]:
    """``count`` readings; a slow sensor delays one reading and not all that follow."""
    begun = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begun + number * every_s - time.monotonic()))
        yield sensor()
