"""Counting sockets: which address counts, and what processes tell each other."""

import asyncio
import json
import resource

import pytest

from realtime import places
from realtime.addresses import counted
from realtime.places import Places


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
    """What joins processes: each hears everything that any of them tells, itself included."""

    def __init__(self) -> None:
        self.told: list[dict] = []
        self.processes: list[Places] = []

    def process(self, name: str) -> Places:
        self.processes.append(Places(name, self._tell))
        return self.processes[-1]

    async def _tell(self, text: bytes) -> None:
        self.told.append(json.loads(text))
        for process in self.processes:
            process.heard(text)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(places, "TELL_S", 0.02)
    monkeypatch.setattr(places, "BELIEVED_S", 0.1)


async def test_a_place_is_refused_at_the_limit_and_free_again_when_given_back(wire):
    process = wire.process("a")
    assert process.take("user 1", 2)
    assert process.take("user 1", 2)
    assert not process.take("user 1", 2)
    assert process.take("user 2", 2)
    process.give_back("user 1")
    assert process.take("user 1", 2)
    await process.close()


async def test_processes_count_together_and_themselves_once(wire):
    one, other = wire.process("a"), wire.process("b")
    assert one.take("user 1", 3)
    assert one.take("user 1", 3)
    assert other.held("user 1") == 0  # nobody was asked
    await asyncio.sleep(0.05)
    assert (one.held("user 1"), other.held("user 1")) == (2, 2)
    assert other.take("user 1", 3)
    assert not other.take("user 1", 3)
    await one.close()
    await other.close()


async def test_a_process_that_says_nothing_more_is_forgotten(wire):
    one, other = wire.process("a"), wire.process("b")
    one.take("user 1", 3)
    await asyncio.sleep(0.05)
    assert other.held("user 1") == 1
    await one.close()  # as a kill does: nothing is given back
    await asyncio.sleep(0.15)
    assert other.held("user 1") == 0


async def test_the_last_to_leave_is_told_at_once_and_then_it_is_quiet(wire, monkeypatch):
    monkeypatch.setattr(places, "TELL_S", 60)
    one, other = wire.process("a"), wire.process("b")
    one.take("user 1", 3)
    await asyncio.sleep(0.01)
    assert other.held("user 1") == 1
    one.give_back("user 1")
    await asyncio.sleep(0.01)
    assert other.held("user 1") == 0
    assert [told["places"] for told in wire.told] == [{"user 1": 1}, {}]
    assert one.take("user 1", 1)
    await asyncio.sleep(0.01)
    assert other.held("user 1") == 1
    await one.close()


async def test_a_process_takes_no_more_sockets_than_it_may_open_files(wire, settings, monkeypatch):
    process = wire.process("a")
    settings.SOCKETS_PER_PROCESS = 2
    assert [process.enter() for _ in range(3)] == [True, True, False]
    process.leave()
    assert process.enter()
    settings.SOCKETS_PER_PROCESS = 10_000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    assert places.most() == 36
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert places.most() == 10_000
