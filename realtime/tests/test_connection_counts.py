"""Counting sockets: by which address, and together with other processes."""

import asyncio
import json
import resource

import pytest

from realtime.delivery import connection_counts
from realtime.delivery.connection_counts import ConnectionCounts
from realtime.sockets.addresses import counted


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("2001:db8:1:3::9", "2001:db8:1:3::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.8", "192.0.2.8"),
        ("fe80::1%eth0", "fe80::"),
        ("", "0.0.0.0"),
        (None, "0.0.0.0"),
        ("unknown", "0.0.0.0"),
        ("'; DROP TABLE", "0.0.0.0"),
    ],
)
def test_an_ipv6_site_counts_as_one_client(host, address):
    assert counted(host) == address


class Wire:
    """Connects processes: each receives what any of them publishes, itself included."""

    def __init__(self) -> None:
        self.published: list[dict] = []
        self.processes: list[ConnectionCounts] = []

    def process(self, name: str) -> ConnectionCounts:
        self.processes.append(ConnectionCounts(name, self._publish))
        return self.processes[-1]

    async def _publish(self, text: bytes) -> None:
        self.published.append(json.loads(text))
        for process in self.processes:
            process.receive(text)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(connection_counts, "PUBLISH_EVERY_S", 0.02)
    monkeypatch.setattr(connection_counts, "EXPIRE_AFTER_S", 0.1)


async def test_a_slot_is_refused_at_the_limit_and_free_after_its_release(wire):
    process = wire.process("a")
    assert process.acquire("user 1", 2)
    assert process.acquire("user 1", 2)
    assert not process.acquire("user 1", 2)
    assert process.acquire("user 2", 2)
    process.release("user 1")
    assert process.acquire("user 1", 2)
    await process.close()


async def test_processes_add_their_counts_each_once(wire):
    one, other = wire.process("a"), wire.process("b")
    assert one.acquire("user 1", 3)
    assert one.acquire("user 1", 3)
    assert other.held("user 1") == 0  # no process asks another
    await asyncio.sleep(0.05)
    assert (one.held("user 1"), other.held("user 1")) == (2, 2)
    assert other.acquire("user 1", 3)
    assert not other.acquire("user 1", 3)
    await one.close()
    await other.close()


async def test_counts_of_a_process_that_publishes_no_more_expire(wire):
    one, other = wire.process("a"), wire.process("b")
    one.acquire("user 1", 3)
    await asyncio.sleep(0.05)
    assert other.held("user 1") == 1
    await one.close()  # as after a kill: nothing is released
    await asyncio.sleep(0.15)
    assert other.held("user 1") == 0


async def test_the_last_release_is_published_at_once_and_nothing_after_it(wire, monkeypatch):
    monkeypatch.setattr(connection_counts, "PUBLISH_EVERY_S", 60)
    one, other = wire.process("a"), wire.process("b")
    one.acquire("user 1", 3)
    await asyncio.sleep(0.01)
    assert other.held("user 1") == 1
    one.release("user 1")
    await asyncio.sleep(0.01)
    assert other.held("user 1") == 0
    assert [counts["places"] for counts in wire.published] == [{"user 1": 1}, {}]
    assert one.acquire("user 1", 1)
    await asyncio.sleep(0.01)
    assert other.held("user 1") == 1
    await one.close()


async def test_a_process_accepts_no_more_sockets_than_it_may_open_files(
    wire, settings, monkeypatch
):
    process = wire.process("a")
    settings.SOCKETS_PER_PROCESS = 2
    assert [process.acquire_of_process() for _ in range(3)] == [True, True, False]
    process.release_of_process()
    assert process.acquire_of_process()
    settings.SOCKETS_PER_PROCESS = 10_000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    assert connection_counts.process_limit() == 36
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert connection_counts.process_limit() == 10_000
