"""Answers that wait for a person: how many of them, and when they give their place back."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import connections
from django.utils import timezone

from crewops import deferred_response
from crewops.handler import Handler
from crews.models import ApiKey
from realtime.delivery import approval_waiters
from realtime.delivery.threads import in_thread
from runs.models import Approval
from runs.tests.test_approvals import ask
from tests.waiting import comes_true

PATH = "/api/report/claude-code/"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def handler(settings):
    settings.HTTP_THREADS = 1  # an answer that waits uses none
    made = Handler()
    yield made
    made._threads.submit(connections.close_all).result()
    made._threads.shutdown()
    assert deferred_response.slots._waiting.total() == 0


class Call:
    """A PermissionRequest, as an ASGI server hands it on."""

    def __init__(self, handler: Handler, text: str) -> None:
        self.parts: list[bytes] = []
        self._gone = asyncio.Event()
        self._is_sent = False
        hook = {"session_id": "s", "hook_event_name": "PermissionRequest", "tool_name": "Bash"}
        self._body = json.dumps(hook).encode()
        self.stop = deferred_response.StopNotifier()
        scope = {
            "type": "http", "method": "POST", "path": PATH, "query_string": b"approve=600",
            "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1), "root_path": "",
            "extensions": {deferred_response.EXTENSION: self.stop},
            "headers": [
                (b"host", b"localhost"), (b"authorization", b"Bearer " + text.encode()),
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(self._body)),
            ],
        }  # fmt: skip
        self.task = asyncio.ensure_future(handler(scope, self._receive, self._send))

    async def answer(self) -> str:
        """What it says to Claude Code, once it is there."""
        await asyncio.wait_for(self.task, 20)
        decision = json.loads(b"".join(self.parts))["hookSpecificOutput"]["decision"]
        return decision.get("message", decision["behavior"])

    async def waits(self) -> None:
        """Until its answer has begun and waits."""
        await comes_true(lambda: self.parts, within_s=20)
        assert not self.task.done()

    async def leave(self) -> None:
        self._gone.set()
        await asyncio.wait_for(self.task, 20)

    async def _receive(self) -> dict[str, Any]:
        if not self._is_sent:
            self._is_sent = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self.parts.append(message.get("body", b""))


def on_a_loop(work: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        try:
            await work()
        finally:
            await get_channel_layer().flush()

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ("DEFERRED_PER_KEY", "1 calls of this API key wait for approval already."),
        ("DEFERRED_AT_ONCE", "1 calls wait for approval on this server already."),
    ],
)
def test_a_call_over_the_limit_is_denied_until_a_client_leaves(
    handler, acme, monkeypatch, limit, why
):
    monkeypatch.setattr(deferred_response, limit, 1)
    text = acme.issue_key("report")[1]

    async def calls() -> None:
        first = Call(handler, text)
        await first.waits()
        assert await Call(handler, text).answer() == f"CrewOps: {why}"
        await first.leave()
        second = Call(handler, text)
        await second.waits()
        await second.leave()

    on_a_loop(calls)
    assert (
        sorted(Approval.objects.values_list("status", "note"))
        == [("expired", deferred_response.GONE)] * 2
    )


def test_the_limits():
    assert (deferred_response.DEFERRED_AT_ONCE, deferred_response.DEFERRED_PER_KEY) == (500, 100)


def test_the_keys_of_others_have_their_own_limit(handler, acme, monkeypatch):
    monkeypatch.setattr(deferred_response, "DEFERRED_PER_KEY", 1)
    one, other = (acme.issue_key("report")[1] for _ in range(2))

    async def calls() -> None:
        first, second = Call(handler, one), Call(handler, other)
        await first.waits()
        await second.waits()
        await first.leave()
        await second.leave()

    on_a_loop(calls)


def test_a_space_comes_before_the_decision(handler, acme, monkeypatch):
    monkeypatch.setattr(deferred_response, "KEEP_ALIVE_S", 0.1)
    text = acme.issue_key("report")[1]

    async def calls() -> None:
        call = Call(handler, text)
        await comes_true(lambda: call.parts[1:4] == [b" ", b" ", b" "], within_s=20)
        call.stop()
        assert await call.answer() == f"CrewOps: {deferred_response.STOPPED}"

    on_a_loop(calls)
    assert Approval.objects.get().note == deferred_response.STOPPED


def test_a_call_that_comes_while_the_server_stops_is_denied(handler, acme):
    text = acme.issue_key("report")[1]

    async def calls() -> None:
        call = Call(handler, text)
        call.stop()
        assert await call.answer() == f"CrewOps: {deferred_response.STOPPED}"

    on_a_loop(calls)


def test_without_the_database_it_is_denied_when_its_time_is_over(handler, acme, monkeypatch):
    from django.db import OperationalError

    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(approval_waiters, "read_decisions", away)
    monkeypatch.setattr(deferred_response, "LATE_S", -599.5)
    text = acme.issue_key("report")[1]

    async def calls() -> None:
        answer = await Call(handler, text).answer()
        assert answer.startswith("CrewOps: Its approval cannot be read")

    on_a_loop(calls)


def revoke(key: ApiKey) -> None:
    key.revoke()


def let_expire(key: ApiKey) -> None:
    key.expires_at = timezone.now()
    key.save(update_fields=["expires_at"])


@pytest.mark.parametrize("end", [revoke, let_expire])
def test_a_call_whose_key_is_not_valid_any_more_is_denied(handler, acme, end):
    (one, text), (_, other_text) = (acme.issue_key("report") for _ in range(2))

    async def calls() -> None:
        call, other = Call(handler, text), Call(handler, other_text)
        await call.waits()
        await other.waits()
        await in_thread(end, one)
        began = time.monotonic()
        assert await call.answer() == f"CrewOps: {approval_waiters.KEY_ENDED}"
        assert time.monotonic() - began < 5
        assert not other.task.done()
        await other.leave()

    on_a_loop(calls)
    assert ("expired", approval_waiters.KEY_ENDED) in Approval.objects.values_list("status", "note")


def test_an_approval_after_the_end_of_the_key_is_not_handed_on(acme):
    key = acme.issue_key("report")[0]
    approval = ask(acme.start_run())
    key.revoke()
    approval.decide("approved", by="somebody", seen=approval.seen)
    found = approval_waiters.read_decisions({approval.pk: key.pk}, renews=True)[approval.pk]
    assert found.refusal == approval_waiters.KEY_ENDED
    assert Approval.objects.get().status == "approved"


def test_reading_decisions_asks_once_for_all_keys(acme, django_assert_num_queries):
    run, key = acme.start_run(), acme.issue_key("report")[0]
    keys = {ask(run).pk: key.pk for _ in range(5)}
    with django_assert_num_queries(2):
        assert approval_waiters.read_decisions(keys, renews=False) == {}
