"""Tasks that serve all sockets of a process go on after an error at one of them."""

import asyncio
from uuid import uuid4

from realtime import log
from realtime.delivery import access_check, approval_waiters
from realtime.delivery.access_check import AccessCheck, AccessState
from realtime.delivery.approval_waiters import Decisions
from realtime.delivery.heartbeat import Heartbeat
from realtime.delivery.hub import Hub
from realtime.monitoring.live import Live
from runs.models import Approval
from tests.waiting import comes_true


class Fault(Exception):
    """What nobody has expected."""


class Socket:
    """Of all shared tasks: it may fail at each of its turns."""

    principal = run_id = session_key = expires_at = None

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.turns = 0
        self.errors: list[BaseException] = []

    def beat(self) -> None:
        self.turns += 1
        if self.fails:
            raise Fault

    def access_checked(self, *_: object, **__: object) -> None:
        self.beat()

    def show(self, _: Live) -> None:
        self.beat()

    def failed(self, error: BaseException) -> None:
        self.errors.append(error)


async def test_a_heartbeat_that_fails_ends_no_other(settings):
    settings.REALTIME_HEARTBEAT_S = 0.01
    heartbeat, sockets = Heartbeat(), [Socket(fails=True), Socket()]
    try:
        for socket in sockets:
            heartbeat.add(socket)
        await comes_true(lambda: all(socket.turns > 2 for socket in sockets))
    finally:
        heartbeat.close()


async def test_a_socket_whose_check_fails_is_closed_and_the_others_are_checked(monkeypatch):
    monkeypatch.setattr(access_check, "RECHECK_S", 0.01)
    monkeypatch.setattr(access_check, "_read_access", lambda asked: AccessState({}, {}, set()))
    check, bad, good = AccessCheck(), Socket(fails=True), [Socket(), Socket()]
    try:
        for socket in (good[0], bad, good[1]):
            check.add(socket)
        await comes_true(lambda: all(socket.turns > 2 for socket in good))
        assert isinstance(bad.errors[0], Fault)
    finally:
        await check.close()


async def test_a_socket_that_cannot_show_figures_is_closed_and_the_others_get_theirs(monkeypatch):
    monkeypatch.setattr("realtime.monitoring.live.INTERVAL_S", 0.01)
    collected = []

    def collect() -> None:
        collected.append(True)
        if len(collected) == 1:
            raise Fault

    figures, bad, good = Live(), Socket(fails=True), [Socket(), Socket()]
    monkeypatch.setattr(figures._collector, "collect", collect)
    for socket in (good[0], bad, good[1]):
        figures.add(socket)
    await comes_true(lambda: len(collected) > 2 and all(socket.turns > 2 for socket in good))
    assert isinstance(bad.errors[0], Fault)
    for socket in (*good, bad):
        figures.discard(socket)
    await figures._task


async def test_access_is_checked_again_after_any_error(monkeypatch):
    calls = []

    def read(asked: object) -> AccessState:
        calls.append(asked)
        if len(calls) == 1:
            raise Fault
        return AccessState({}, {}, set())

    monkeypatch.setattr(access_check, "RECHECK_S", 0.01)
    monkeypatch.setattr(access_check, "_read_access", read)
    check, socket = AccessCheck(), Socket()
    try:
        check.add(socket)
        await comes_true(lambda: socket.turns)
    finally:
        await check.close()


async def test_the_log_is_swept_again_after_any_error(monkeypatch, settings):
    settings.REALTIME_SWEEP_S = 0.01
    calls = []

    def heads(known: dict[str, int]) -> dict[str, tuple[str, int]]:
        calls.append(known)
        if len(calls) == 1:
            raise Fault
        return {"run:1": ("epoch", 5)}

    monkeypatch.setattr(log, "heads", heads)
    hub = Hub()
    try:
        hub.add("run:1")
        hub.feeds["run:1"].start(log.Position("epoch", head=5, floor=0, closed=False))
        await comes_true(lambda: len(calls) > 2)
    finally:
        await hub.close()


async def test_approvals_are_read_again_after_any_error(monkeypatch):
    async def member(group: str, channel: str) -> None:
        """Adds nothing to the group: no one is notified of decisions."""

    approval, calls = Approval(pk=uuid4(), run_id=uuid4()), []

    def read(ids: set, *, renews: bool) -> dict:
        calls.append(ids)
        if len(calls) == 1:
            raise Fault
        return dict.fromkeys(ids, approval)

    monkeypatch.setattr(approval_waiters, "RECHECK_S", 0.01)
    monkeypatch.setattr(approval_waiters, "read_decisions", read)
    waiting = Decisions(member, member)
    try:
        async with asyncio.timeout(30), waiting.expect(approval) as decided:
            assert await decided is approval
    finally:
        await waiting.close()
