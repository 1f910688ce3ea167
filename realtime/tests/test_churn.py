"""Sockets that open and close in every way, on a server in this process, leave nothing behind."""

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Barrier
from types import ModuleType
from typing import Any
from uuid import uuid4

import psutil
import pytest
import uvicorn
from channels.exceptions import StopConsumer
from channels.layers import get_channel_layer
from django.db import connections
from redis import Redis
from rest_framework_simplejwt.tokens import AccessToken
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.server import ServerProtocol

from conftest import make_tenant
from crewops.uvicorn_http import HttpProtocol
from crewops.web import APPLICATION, OPTIONS
from realtime import log
from realtime.delivery import access_check, threads
from realtime.delivery.access_check import CHECKS_AT_ONCE
from realtime.delivery.redis_subscriber import Subscriber
from realtime.delivery.threads import POOL_THREADS, in_thread
from realtime.log import publish, streams
from realtime.servers.uvicorn_ws import FrameProtocol
from realtime.sockets.graph import GraphConsumer
from runs.events.kinds import ToolProgress
from tests.events import sample
from tests.ports import free_port

GONE_S = 10.0  # after the last of them, all is as before; on a quiet machine at once
ROUNDS = 6
EACH = 10  # sockets of each kind in a round
FLOOD = 50  # events of 1 KB while they close
LOST = {1006, 1011}  # what a client takes for a lost connection, and comes back after

pytestmark = pytest.mark.django_db(transaction=True)


class Served:
    """The server, and what it holds for its sockets."""

    def __init__(self, port: int, redis: Redis, crew_id: str, token: str) -> None:
        self.crew_id = crew_id
        self._redis = redis
        self._stream = streams.graph(crew_id)
        self._url = f"ws://127.0.0.1:{port}/ws/graph/{crew_id}"
        self._token = token

    def open(self) -> connect:
        return connect(self._url, subprotocols=["token", self._token], compression=None, proxy=None)

    def held(self) -> dict[str, Any]:
        """What is held for sockets."""
        node = get_channel_layer().node
        gc.collect()
        gc.unfreeze()  # `crewops.gc_tuning` has hidden what is left
        return {
            "feeds": len(node.hub.feeds),
            "groups": len(node.groups),
            "listeners": len(node.listeners),
            "connections": dict(node.connection_counts._own),
            "consumers": sum(type(kept) is GraphConsumer for kept in gc.get_objects()),
            "subscriptions": self._redis.pubsub_numsub(self._stream)[0][1],
        }

    async def held_after_a_while(self, within_s: float = GONE_S) -> dict[str, Any]:
        over = time.monotonic() + within_s
        while any((held := self.held()).values()) and time.monotonic() < over:
            await asyncio.sleep(0.1)
        return held

    async def flood(self) -> None:
        for _ in range(FLOOD):
            await in_thread(self._emit)

    def _emit(self) -> None:
        event = sample(ToolProgress, self.crew_id, message="x" * 1000)
        publish.on_commit(self._stream, log.append(self._stream, [event]))


@pytest.fixture
def kept_connections(transactional_db, monkeypatch) -> Iterator[None]:
    """Each thread keeps its connection, as in production: the floods are 3,000 calls.

    The pools are of this test alone, and their connections are closed after it. A test without a
    database that got such a thread would fail.
    """
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 60)
    queries = own_pool(monkeypatch, threads, POOL_THREADS)
    with queries, own_pool(monkeypatch, access_check, CHECKS_AT_ONCE):
        yield


@contextmanager
def own_pool(monkeypatch: pytest.MonkeyPatch, module: ModuleType, size: int) -> Iterator[None]:
    all_threads = Barrier(size)

    def close() -> None:
        all_threads.wait()
        connections.close_all()

    with ThreadPoolExecutor(size) as pool:
        monkeypatch.setattr(module, "_pool", pool)
        yield
        for closed in [pool.submit(close) for _ in range(size)]:
            closed.result()


@pytest.fixture
async def served(redis_server, acme_token, kept_connections) -> AsyncIterator[Served]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(APPLICATION, port=port, **OPTIONS))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield Served(port, redis_server, *acme_token)
    server.should_exit = True
    await task
    await get_channel_layer().flush()


@pytest.fixture
def acme_token(transactional_db) -> tuple[str, str]:
    acme = make_tenant("acme")
    return str(acme.crew.pk), str(AccessToken.for_user(acme.viewer))


def of_sockets() -> list[str]:
    """What the process holds for sockets, the collector's leavings included."""
    kinds = (GraphConsumer, FrameProtocol, HttpProtocol, ServerProtocol)
    return [type(kept).__name__ for kept in gc.get_objects() if type(kept) in kinds]


async def reads(connection: ClientConnection) -> int:
    """Everything up to the close; its code."""
    with suppress(ConnectionClosed):
        while True:
            await connection.recv()
    return connection.close_code


async def leaves(served: Served) -> None:
    async with served.open() as connection:
        await connection.recv()


async def aborts(served: Served) -> None:
    async with served.open() as connection:
        await connection.recv()
        connection.transport.abort()


async def aborts_in_a_flood(served: Served) -> None:
    async with served.open() as connection:
        await connection.recv()
        await served.flood()
        connection.transport.abort()


async def says_nonsense(served: Served) -> None:
    async with served.open() as connection:
        for _ in range(3):
            await connection.send("{")
        assert await reads(connection) == 4400


async def meets_a_fault(served: Served) -> None:
    async with served.open() as connection:
        assert await reads(connection) == 4500


async def meets_a_consumer_that_ends(served: Served) -> None:
    async with served.open() as connection, asyncio.timeout(GONE_S):
        assert await reads(connection) in LOST


FAULTS = {meets_a_fault: ZeroDivisionError, meets_a_consumer_that_ends: StopConsumer}


async def test_nothing_of_a_socket_stays_behind(served, monkeypatch, caplog):
    # pytest would keep the log's tracebacks, and the sockets in them.
    caplog.set_level(logging.CRITICAL, "realtime.sockets.socket")
    begin = GraphConsumer.begin
    fault: type[Exception] | None = None

    def begin_or_fail(*args: Any) -> Any:
        if fault:
            raise fault
        return begin(*args)

    monkeypatch.setattr(GraphConsumer, "begin", begin_or_fail)
    ways = [leaves, aborts, aborts_in_a_flood, says_nonsense, *FAULTS]
    process = psutil.Process()
    sizes = []
    for _ in range(ROUNDS):
        for way in ways:
            fault = FAULTS.get(way)
            await asyncio.gather(*(way(served) for _ in range(EACH)))
        assert not any((await served.held_after_a_while()).values())
        sizes.append((len(asyncio.all_tasks()), process.num_threads(), process.num_fds()))
    # The first round makes what is made once; pools may take one more at any time.
    growth = [last - first for first, last in zip(sizes[0], sizes[-1], strict=True)]
    assert max(growth) < EACH, f"tasks, threads, files: {sizes}"


async def test_control_what_is_held_for_an_open_socket_shows(served):
    async with served.open() as connection:
        await connection.recv()
        assert all((await served.held_after_a_while(within_s=2.0)).values())


async def test_a_closed_socket_does_not_wait_for_the_collector(served):
    await leaves(served)  # loads what is loaded once
    await served.held_after_a_while()
    gc.disable()
    try:
        await asyncio.gather(*(way(served) for way in (leaves, aborts, says_nonsense)))
        over = time.monotonic() + GONE_S
        while (left := of_sockets()) and time.monotonic() < over:
            await asyncio.sleep(0.1)
        assert not left
    finally:
        gc.enable()


async def test_who_goes_while_joining_a_group_is_no_member(monkeypatch):
    async def add(subscriber: Subscriber, *channels: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Subscriber, "add", add)
    layer = get_channel_layer()
    group = streams.group(f"graph:{uuid4()}")
    joining = asyncio.create_task(layer.group_add(group, "channel"))
    await asyncio.sleep(0)
    joining.cancel()
    await asyncio.wait([joining])
    assert joining.cancelled()
    assert group not in layer.node.groups
    assert streams.of_group(group) not in layer.node.hub.feeds
    await layer.flush()
