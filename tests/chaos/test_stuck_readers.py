"""A hundred clients that stop reading: bounded memory, closed after half a minute, nobody else notices."""

import threading
import time
from contextlib import ExitStack
from functools import partial

import psutil
import pytest
from rest_framework_simplejwt.tokens import AccessToken

from conftest import make_tenant
from realtime.follower import STUCK_S
from runs.models import TaskExecution, ToolExecution
from tests.chaos.readers import PING, TEXT_PING, TICK_S, HealthyReaders, StuckReader
from tests.live import Web, eventually

STUCK = HEALTHY = 100
RATE = 20  # events a second
OUTPUT = "x" * 50_000  # characters of each event while the buffers are filled
# For each socket twice what the kernel lets a send buffer grow to.
FILL_EVENTS = 8 * 1024 * 1024 // len(OUTPUT)
MEMORY_KB = 256  # for each stuck reader, at most: a full buffer, and no page of the log
CLOSED_WITHIN_S = 10.0  # of the time that a stuck reader is given
SLOWER = 4  # times the p99 without stuck readers that the healthy may wait ...
NOISE_MS = 100.0  # ... beyond what a busy machine adds by itself


@pytest.fixture(params=["uvicorn", "daphne"])
def web(request, transactional_db):
    process = Web(daphne=request.param == "daphne")
    yield process
    assert process.running, process.log.read_text()
    process.stop()


@pytest.fixture
def tool(transactional_db) -> ToolExecution:
    run = make_tenant("acme").start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    return ToolExecution.objects.start(task_execution=task, tool="script", params={})


def report(tool: ToolExecution, events: int, output: str = "") -> int:
    """Progress at the rate, each with the time in ns it was made at. Returns the last one's."""
    begun = time.monotonic()
    for number in range(events):
        time.sleep(max(0.0, begun + number / RATE - time.monotonic()))
        made = time.time_ns()
        tool.report(message=f"t={made}", output=output)
    return made


def p99(latencies: list[float]) -> float:
    return sorted(latencies)[len(latencies) * 99 // 100]


@pytest.mark.timeout(180)
def test_stuck_readers_cost_little_and_nobody_notices(web, tool):
    crew = tool.task_execution.run.crew
    user = crew.organization.memberships.get(role="viewer").user
    token, path = str(AccessToken.for_user(user)), f"/ws/graph/{crew.pk}"
    server = psutil.Process(web.pid)
    with ExitStack() as connections, HealthyReaders(HEALTHY, web.port, path, token) as healthy:
        eventually(lambda: sockets(server, web.port) == HEALTHY)
        report(tool, RATE, OUTPUT)
        healthy.take()
        report(tool, 2 * RATE)
        alone_ms = p99(healthy.take())
        before_kb = server.memory_info().rss / 1024
        stuck = [
            connections.enter_context(StuckReader(web.port, path, token, trickle=bool(number % 2)))
            for number in range(STUCK)
        ]
        eventually(lambda: sockets(server, web.port) == HEALTHY + STUCK)
        with Prodding(stuck):
            for _ in range(FILL_EVENTS):
                newest = report(tool, 1, OUTPUT)
                # At the healthy readers' pace, or what they wait for could be the machine.
                eventually(partial(level, healthy, newest))
            full = time.monotonic()
            healthy.take()
            report(tool, 10 * RATE)
            beside_ms = p99(healthy.take())
            each_kb = (server.memory_info().rss / 1024 - before_kb) / STUCK
            assert sockets(server, web.port) == HEALTHY + STUCK, web.log.read_text()
            eventually(lambda: sockets(server, web.port) == HEALTHY, STUCK_S + CLOSED_WITHIN_S)
            closed_s = time.monotonic() - full
        # Each of them was stuck. What a log line says, it says after the connection has gone.
        eventually(lambda: web.log.read_text().count("Graph socket closed 4408") == STUCK)
        report(tool, RATE)
        assert healthy.take(), "the healthy readers go on"
        assert healthy.lost == 0
    print(
        f"\n{each_kb:.0f} KB a stuck reader, closed after {closed_s:.0f} s; the healthy readers' p99 "
        f"{alone_ms:.1f} ms alone, {beside_ms:.1f} ms beside them"
    )
    assert each_kb <= MEMORY_KB
    assert beside_ms <= alone_ms * SLOWER + NOISE_MS


def level(healthy: HealthyReaders, newest: int) -> bool:
    """Whether each of them has the event of that time."""
    return set(healthy.newest) == {newest}


def sockets(server: psutil.Process, port: int) -> int:
    """How many connections the server still has open."""
    return sum(
        connection.laddr.port == port and connection.status != psutil.CONN_LISTEN
        for connection in server.net_connections("tcp")
    )


class Prodding(threading.Thread):
    """Sends the trickling readers' pings while its ``with`` block runs."""

    def __init__(self, readers: list[StuckReader]) -> None:
        super().__init__(name="prodding", daemon=True)
        self._readers = [reader for reader in readers if reader.trickle]
        self._over = threading.Event()

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(TICK_S):
            for reader in self._readers:
                reader.prod(PING)
                reader.prod(TEXT_PING)
