"""The check of access while the database hangs, or fails for a long time."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest
from django.db import OperationalError

from realtime.delivery import access_check
from realtime.delivery.access_check import AccessCheck, AccessState, Unchecked
from tests.waiting import comes_true

CHECKED = AccessState({}, {}, set())


class Socket:
    """Counts what is called."""

    principal = run_id = session_key = None

    def __init__(self, expires_at: float | None = None) -> None:
        self.expires_at = expires_at
        self.checks = self.expiries = 0
        self.errors: list[BaseException] = []

    def access_checked(self, *_: object, **__: object) -> None:
        self.checks += 1

    def expired(self) -> None:
        self.expiries += 1

    def failed(self, error: BaseException) -> None:
        self.errors.append(error)


class Database:
    """Hangs until it is over, fails, or answers."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.calls = 0
        self.answer: Callable[[], AccessState] = lambda: CHECKED

    def read(self, asked: object) -> AccessState:
        self.calls += 1
        return self.answer()

    def hang(self) -> AccessState:
        self.over.wait(60)
        return CHECKED

    def hang_once(self) -> AccessState:
        return self.hang() if self.calls == 1 else CHECKED

    def fail(self) -> AccessState:
        raise OperationalError("the connection is closed")


@pytest.fixture
async def database(monkeypatch) -> AsyncIterator[Database]:
    monkeypatch.setattr(access_check, "RECHECK_S", 0.01)
    found = Database()
    monkeypatch.setattr(access_check, "_read_access", found.read)
    yield found
    found.over.set()


@pytest.fixture
async def check(database) -> AsyncIterator[AccessCheck]:
    made = AccessCheck()
    yield made
    await made.close()


async def test_a_token_expires_while_the_database_hangs(database, check, settings):
    settings.REALTIME_TOKEN_GRACE_S = 0.1
    database.answer = database.hang
    expiring, other = Socket(expires_at=time.time()), Socket()
    for socket in (expiring, other):
        check.add(socket)
    await comes_true(lambda: database.calls)
    await comes_true(lambda: expiring.expiries, within_s=10)
    assert (other.expiries, other.checks) == (0, 0)


@pytest.mark.parametrize("answer", [Database.hang, Database.fail])
async def test_sockets_do_not_stay_open_without_a_check(database, check, monkeypatch, answer):
    monkeypatch.setattr(access_check, "UNCHECKED_S", 0.2)
    database.answer = lambda: answer(database)
    socket = Socket()
    check.add(socket)
    await comes_true(lambda: socket.errors)
    assert [type(error) for error in socket.errors] == [Unchecked]
    assert socket.checks == 0


async def test_an_outage_that_is_shorter_closes_nothing(database, check, monkeypatch):
    monkeypatch.setattr(access_check, "UNCHECKED_S", 1.0)
    socket = Socket()
    check.add(socket)
    for _ in range(4):
        database.answer = database.fail
        await asyncio.sleep(0.3)
        database.answer = lambda: CHECKED
        checked = socket.checks
        await comes_true(lambda before=checked: socket.checks > before)
    assert socket.errors == []


async def test_after_a_check_that_hangs_another_one_begins(database, check, monkeypatch):
    monkeypatch.setattr(access_check, "CHECK_S", 0.05)
    database.answer = database.hang_once
    socket = Socket()
    check.add(socket)
    await comes_true(lambda: socket.checks)
    assert not database.over.is_set()


async def test_the_check_ends_with_the_last_socket(database, check):
    socket = Socket()
    check.add(socket)
    await comes_true(lambda: socket.checks)
    check.discard(socket)
    await comes_true(lambda: check._task.done())
    calls = database.calls
    await asyncio.sleep(0.1)
    assert database.calls <= calls + 1  # a thread may have begun one at the same time


class NoticesTheEnd(set):
    """Calls ``then`` when a check has seen that it is empty."""

    then: Callable[[], None]

    def __bool__(self) -> bool:
        if not len(self):
            asyncio.get_running_loop().call_soon(self.then)
        return bool(len(self))


async def test_a_socket_that_opens_as_the_checks_end_is_checked(database, check):
    first, second = Socket(), Socket()
    check._watchers = NoticesTheEnd()
    check._watchers.then = lambda: check.add(second)
    check.add(first)
    check.discard(first)
    await comes_true(lambda: second.checks > 1)
