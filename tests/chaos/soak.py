"""Hundreds of sockets and event streams that come and go while events flow: the web process holds
no more at the end.

``make soak`` (``MINUTES=10``). It is no part of the suite: what grows slowly shows after minutes.
"""

import asyncio
import os
import random
import threading
import time
from collections import Counter
from contextlib import aclosing, suppress
from itertools import islice
from statistics import fmean, linear_regression

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from conftest import make_tenant
from realtime.log import streams
from runs.models import TaskExecution, ToolExecution, Worker
from tests.chaos.forms import FORMS, UNANSWERED, Connection, Place, spread
from tests.live import eventually
from tests.security.watching import WatchedWeb

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
SOCKETS = 500
LIFE_S = (5.0, 60.0)  # of a socket
RATE = 5.0  # events a second
WARM_UP = 0.4  # of the time: what is made once is made, and the allocator has found its size
SAMPLE_S = 5.0
# Of the samples after that, the last third may have so much more than the first.
SLACK = {
    "tasks": 20,
    "fds": 20,
    "threads": 2,
    "groups": 2,
    "feeds": 2,
    "queues": 20,
    "objects": 5000,
}
GROWTH_KB_H = 1024  # of its memory
NOISE_KB = 4096  # of a measurement
NO_ADDRESS = ("SSE", ["graph"])  # events of several graphs come on sockets only
LEFT_S = 20.0  # after the last socket, nothing of them is held


class Crowd(threading.Thread):
    """Opens connections of all forms again and again, so that there are always as many."""

    def __init__(self, port: int, streams: list[str], token: str) -> None:
        super().__init__(name="crowd", daemon=True)
        self.opened: Counter[str] = Counter()  # by form
        self.failed: Counter[str] = Counter()  # by reason
        self._port = port
        self._streams = streams
        self._token = token
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()

    def leave(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self.join()

    def run(self) -> None:
        self._loop.run_until_complete(self._all())
        self._loop.close()

    async def _all(self) -> None:
        possible = (pair for pair in spread(self._streams) if pair != NO_ADDRESS)
        crowd = [
            asyncio.create_task(self._one(form, followed))
            for form, followed in islice(possible, SOCKETS)
        ]
        await self._over.wait()
        for task in crowd:
            task.cancel()
        await asyncio.wait(crowd)

    async def _one(self, name: str, followed: list[str]) -> None:
        await asyncio.sleep(random.uniform(0, LIFE_S[0]))
        while True:
            form = FORMS[name](self._token)
            try:
                async with form.open(self._port, [*map(Place, followed)]) as connection:
                    self.opened[name] += 1
                    await self._read(connection)
            except UNANSWERED as error:
                self.failed[repr(error)] += 1
            else:
                if connection.code is not None:
                    self.failed[f"{name}: {connection.code}"] += 1

    async def _read(self, connection: Connection) -> None:
        """For its life, or until the server ends it."""
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(random.uniform(*LIFE_S)),
                aclosing(connection.frames()) as frames,
            ):
                async for _ in frames:
                    pass
        if random.random() < 0.3:  # as when the network goes away
            connection.abort()


@pytest.mark.timeout(MINUTES * 60 + 300)
@pytest.mark.django_db(transaction=True)
def test_sockets_that_come_and_go_leave_nothing():
    Worker.objects.beat("w")
    acme = make_tenant("acme")
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    web = WatchedWeb(SOCKETS_PER_USER="2000", SOCKETS_PER_ADDRESS="2000")
    followed = ["mission", streams.graph(acme.crew.pk), streams.run(run.pk), "graph"]
    crowd = Crowd(web.port, followed, str(AccessToken.for_user(acme.viewer)))
    crowd.start()
    try:
        eventually(lambda: web.held()["watchers"] >= SOCKETS * 0.9, 60)
        samples = _samples(web, tool)
        crowd.leave()
        eventually(lambda: not any(map(web.held().get, ("watchers", "connections"))), LEFT_S)
        left = web.held()
    finally:
        web.stop()
    assert "Traceback" not in web.log.read_text()
    assert (left["feeds"], left["groups"]) == (0, 0)
    _report(samples, crowd)
    _assert_level(samples)


def _samples(web: WatchedWeb, tool: ToolExecution) -> list[dict[str, float]]:
    """What the process holds from time to time, once it is warm, while the tool reports."""
    begun, reports, samples = time.monotonic(), 0, []
    while (passed := time.monotonic() - begun) < MINUTES * 60:
        tool.report(message=f"{reports}", output="a line\n")
        reports += 1
        if passed > WARM_UP * MINUTES * 60 + len(samples) * SAMPLE_S:
            samples.append(web.held() | {"hours": passed / 3600, "kb": web.rss() / 1024})
        time.sleep(max(0.0, begun + reports / RATE - time.monotonic()))
    return samples


def _thirds(samples: list[dict[str, float]], name: str) -> tuple[float, float]:
    """The means of the first and of the last third."""
    third = len(samples) // 3
    return (
        fmean(sample[name] for sample in samples[:third]),
        fmean(sample[name] for sample in samples[-third:]),
    )


def _slope_kb_h(samples: list[dict[str, float]]) -> float:
    hours, kb = ([sample[name] for sample in samples] for name in ("hours", "kb"))
    return linear_regression(hours, kb).slope


def _report(samples: list[dict[str, float]], crowd: Crowd) -> None:
    print(f"\n{dict(crowd.opened)} were opened, failed: {dict(crowd.failed)}")
    assert crowd.opened.keys() == FORMS.keys()
    for name in (*SLACK, "kb"):
        print("{:10} {:12,.0f} {:12,.0f}".format(name, *_thirds(samples, name)))
    print(f"{_slope_kb_h(samples):,.0f} KB an hour")


def _assert_level(samples: list[dict[str, float]]) -> None:
    for name, slack in SLACK.items():
        first, last = _thirds(samples, name)
        assert last - first <= slack, name
    hours = samples[-1]["hours"] - samples[0]["hours"]
    assert _slope_kb_h(samples) * hours <= GROWTH_KB_H * hours + NOISE_KB
