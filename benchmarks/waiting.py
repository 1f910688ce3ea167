"""Waits of benchmarks."""

import time
from collections.abc import Callable
from typing import Any


def until(condition: Callable[[], Any], within_s: float) -> Any:
    """The first true value of ``condition``. Raises ``RuntimeError`` if there is none in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise RuntimeError(f"{condition} did not come true within {within_s:g} s")
