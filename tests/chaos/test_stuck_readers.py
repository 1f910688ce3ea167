"""A hundred clients that stop reading: bounded memory, closed after half a minute, nobody else
notices.
"""

import threading
import time
from contextlib import ExitStack
from functools import partial

import psutil
import pytest
from rest_framework_simplejwt.tokens import AccessToken

from conftest import make_tenant
from realtime.delivery.stuck_readers import STUCK_S
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


@pytest.fixture
def webs(transactional_db):
    """Both servers at once: each gets the same load at the same time, and the wait is shared."""
    with ExitStack() as stack:
        processes = {}
        for name in ("uvicorn", "daphne"):
            processes[name] = Web(daphne=name == "daphne")
            stack.callback(processes[name].stop)
        yield processes
        for process in processes.values():
            assert process.running, process.log.read_text()


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


class Server:
    """A web process with its healthy readers and then its stuck ones."""

    def __init__(self, name: str, web: Web, path: str, token: str) -> None:
        self.name, self.web, self.path, self.token = name, web, path, token
        self.healthy = HealthyReaders(HEALTHY, web.port, path, token)
        self.stuck: list[StuckReader] = []
        self._process = psutil.Process(web.pid)

    def sockets(self) -> int:
        """How many connections the server still has open."""
        return sum(
            connection.laddr.port == self.web.port and connection.status != psutil.CONN_LISTEN
            for connection in self._process.net_connections("tcp")
        )

    def memory_kb(self) -> float:
        return self._process.memory_info().rss / 1024

    def stick(self) -> None:
        """Open the readers that will not read."""
        for number in range(STUCK):
            trickle = bool(number % 2)
            self.stuck.append(StuckReader(self.web.port, self.path, self.token, trickle=trickle))

    def closed_stuck(self) -> bool:
        """Whether each was closed as stuck. A log line may come after its connection has gone."""
        return self.web.log.read_text().count("Graph socket closed 4408") == STUCK


def test_stuck_readers_cost_little_and_nobody_notices(webs, tool):
    crew = tool.task_execution.run.crew
    user = crew.organization.memberships.get(role="viewer").user
    token, path = str(AccessToken.for_user(user)), f"/ws/graph/{crew.pk}"
    servers = [Server(name, web, path, token) for name, web in webs.items()]
    with ExitStack() as connections:
        for server in servers:
            connections.enter_context(server.healthy)
        eventually(lambda: all(server.sockets() == HEALTHY for server in servers))
        report(tool, RATE, OUTPUT)
        for server in servers:
            server.healthy.take()
        report(tool, 2 * RATE)
        alone_ms = [p99(server.healthy.take()) for server in servers]
        before_kb = [server.memory_kb() for server in servers]
        for server in servers:
            server.stick()
            for reader in server.stuck:
                connections.enter_context(reader)
        eventually(lambda: all(server.sockets() == HEALTHY + STUCK for server in servers))
        with Prodding([reader for server in servers for reader in server.stuck]):
            for _ in range(FILL_EVENTS):
                newest = report(tool, 1, OUTPUT)
                # At the healthy readers' pace, or what they wait for could be the machine.
                eventually(partial(level, servers, newest))
            full = time.monotonic()
            for server in servers:
                server.healthy.take()
            report(tool, 10 * RATE)
            beside_ms = [p99(server.healthy.take()) for server in servers]
            each_kb = [
                (server.memory_kb() - before) / STUCK
                for server, before in zip(servers, before_kb, strict=True)
            ]
            for server in servers:
                assert server.sockets() == HEALTHY + STUCK, server.web.log.read_text()
            eventually(
                lambda: all(server.sockets() == HEALTHY for server in servers),
                STUCK_S + CLOSED_WITHIN_S,
            )
            closed_s = time.monotonic() - full
        eventually(lambda: all(server.closed_stuck() for server in servers))
        report(tool, RATE)
        for server in servers:
            assert server.healthy.take(), "the healthy readers go on"
            assert server.healthy.lost == 0
    for server, kb, alone, beside in zip(servers, each_kb, alone_ms, beside_ms, strict=True):
        print(
            f"\n{server.name}: {kb:.0f} KB a stuck reader, all closed after {closed_s:.0f} s; the "
            f"healthy readers' p99 {alone:.1f} ms alone, {beside:.1f} ms beside them"
        )
        assert kb <= MEMORY_KB, server.name
        assert beside <= alone * SLOWER + NOISE_MS, server.name


def level(servers: list[Server], newest: int) -> bool:
    """Whether each healthy reader has the event of that time."""
    return all(set(server.healthy.newest) == {newest} for server in servers)


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
