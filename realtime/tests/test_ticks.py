"""What a process repeats happens at the same moments, so that an idle one wakes once for all."""

import asyncio
import time

import pytest

from realtime.delivery import ticks
from realtime.delivery.ticks import LEAST, next_tick, tick


async def test_loops_of_different_ages_wake_together():
    woken = []

    async def repeat(wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        await tick(0.2)
        woken.append(time.monotonic())

    await asyncio.gather(*(repeat(n * 0.04) for n in range(4)))
    groups = {round((moment - ticks.PHASE) / 0.2) for moment in woken}
    assert len(groups) <= 2  # those that began just before a tick wait for the one after
    assert all((moment - ticks.PHASE) % 0.2 < 0.1 for moment in woken)


@pytest.mark.parametrize("interval_s", [0.05, 1.0, 2.0])
async def test_a_tick_is_never_at_once_and_comes_within_one_interval_and_a_tenth(interval_s):
    now = asyncio.get_running_loop().time()
    for _ in range(1_000):
        wait = next_tick(interval_s) - asyncio.get_running_loop().time()
        assert 0 < wait <= interval_s * (1 + LEAST)
    assert next_tick(interval_s) > now


async def test_the_longer_interval_begins_with_one_of_the_shorter_ones():
    apart = next_tick(2.0) - next_tick(1.0)
    assert apart == pytest.approx(round(apart), abs=1e-3)
