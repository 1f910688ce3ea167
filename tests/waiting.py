"""Waiting until something is true."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

WITHIN_S = 30.0


def eventually(
    condition: Callable[[], Any], within_s: float = WITHIN_S, *, pause_s: float = 0.02
) -> Any:
    """The first true value of ``condition``. Raises ``AssertionError`` if there is none in time.

    ``pause_s``: a longer one for a condition that costs what is waited for its processor time.
    """
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(pause_s)
    raise AssertionError(f"{condition} did not come true within {within_s:g} s")


async def comes_true(condition: Callable[[], Any], within_s: float = WITHIN_S) -> None:
    """The same on an event loop. Raises ``TimeoutError``."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)
