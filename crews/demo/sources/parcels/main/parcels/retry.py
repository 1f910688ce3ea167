"""Asking again after a pause that grows."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


class Unreachable(Exception):
    """The carrier did not answer."""


def ask(carrier: Callable[[], Answer], *, tries: int = 3, pause_s: float = 0.2) -> Answer:
    """The carrier's answer; after each failure the pause doubles. Raises the last failure."""
    for attempt in range(1, tries + 1):
        try:
            return carrier()
        except Unreachable:
            if attempt == tries:
                raise
            time.sleep(pause_s)
            pause_s *= 2
    raise ValueError("tries must be at least 1")
