"""The moments at which a process does what it repeats every second: all of it at the same ones.

An idle process that wakes once for all takes less CPU time than one that wakes for each: a wake-up
costs about 0.2 ms.
"""

import asyncio
import random
from contextlib import suppress

# seconds. Each process has its own, so that those of a machine do not query at the same moment.
PHASE = random.random()
LEAST = 0.1  # of the interval; a tick that comes sooner is left out


def next_tick(interval_s: float) -> float:
    """Return the time of the running loop's clock at which the next interval begins."""
    now = asyncio.get_running_loop().time()
    left = interval_s - (now - PHASE) % interval_s
    return now + (left if left > interval_s * LEAST else left + interval_s)


async def tick(interval_s: float, event: asyncio.Event | None = None) -> None:
    """Wait until the next interval begins, or until the event is set."""
    if event is None:
        await asyncio.sleep(next_tick(interval_s) - asyncio.get_running_loop().time())
        return
    with suppress(TimeoutError):
        async with asyncio.timeout_at(next_tick(interval_s)):
            await event.wait()
