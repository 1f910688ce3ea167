"""Many calls that wait for a person, in one web process: others are answered, and all get
an end.
"""

import signal
import time

import pytest

from crewops import deferred_response
from runs.models import Approval
from tests import plain_http
from tests.live import Web, eventually
from tests.test_approvals_of_claude_code import (
    ASKS,
    MANY,
    Claude,
    claude,
    decide,
    decision,
    newest,
    question,
)

__all__ = ["claude"]  # the fixture

pytestmark = pytest.mark.django_db(transaction=True)


def test_fifty_calls_wait_and_other_requests_are_answered(claude):
    claude.send(*(question(n)[0] for n in range(MANY)))
    answers = [claude.pool.submit(claude.send, question(n)[1], path=ASKS) for n in range(MANY)]
    eventually(lambda: Approval.objects.pending().count() == MANY, 60)
    took = []
    for _ in range(20):
        began = time.monotonic()
        assert claude.client.get("/healthz").status_code == 200
        assert claude.send(question(0)[0]) == {}
        took.append(time.monotonic() - began)
    assert sorted(took)[10] < 1.0
    assert not any(answer.done() for answer in answers)
    for approval in Approval.objects.select_related("run__crew"):
        approval.decide("approved", by="somebody", seen=approval.seen)
    assert {decision(answer.result(60)) for answer in answers} == {("allow", "")}


def test_a_client_that_is_gone_ends_its_approval(claude, web):
    with (
        plain_http.Client(base_url=web.origin, headers=claude.client.headers) as client,
        client.stream("POST", ASKS, json=question()[1]) as response,
    ):
        assert response.status_code == 200  # the head comes before the decision
        eventually(Approval.objects.pending().exists)
    eventually(lambda: not Approval.objects.pending().exists())
    assert (newest().status, newest().note) == ("expired", deferred_response.GONE)


def test_a_server_that_stops_denies(acme):
    web = Web()
    claude = Claude(web, acme.issue_key("report")[1])
    answer = claude.ask(question()[1])
    began = time.monotonic()
    web.stop(signal.SIGTERM)
    assert time.monotonic() - began < 8
    assert decision(answer.result(60)) == ("deny", f"CrewOps: {deferred_response.STOPPED}")
    assert (newest().status, newest().note) == ("expired", deferred_response.STOPPED)
    claude.close()


def test_without_redis_the_database_is_looked_at(acme):
    web = Web(REDIS_URL="redis://127.0.0.1:1/0")
    claude = Claude(web, acme.issue_key("report")[1])
    answer = claude.ask(question()[1])
    decide("approved")
    assert decision(answer.result(60)) == ("allow", "")
    claude.close()
    web.stop()
