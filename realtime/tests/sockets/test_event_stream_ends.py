"""How an event stream is refused and how it ends, on live servers."""

import signal
import socket
import time
from contextlib import ExitStack

import httpx
import pytest
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from crewops.api.problems import problem
from crews.models import Membership
from realtime.servers.event_stream import RESTART_SPREAD_MS
from realtime.tests.sockets.event_source import reading, refusal
from realtime.tests.sockets.helpers import browser_of
from realtime.tests.sockets.test_refusals import MISSING, bad_tokens
from tests import plain_http
from tests.live import Web, eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_refusal_is_a_problem_as_in_the_api(web, acme, run):
    with reading(web, f"/sse/runs/{MISSING}", acme.viewer) as reader:
        response = reader.response
        assert response.status_code == 404
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.headers["Cache-Control"] == "no-store"
        response.read()
        assert response.json() == problem(404, code="not_found", detail="Not found.")


@pytest.mark.parametrize("thing", ["runs", "graph"])
def test_a_foreign_record_is_refused_like_a_missing_one(web, acme, globex, run, thing):
    answers = []
    for record in (run.pk if thing == "runs" else acme.crew.pk, MISSING, "no-uuid"):
        with reading(web, f"/sse/{thing}/{record}", globex.admin) as reader:
            kept = {"content-type", "cache-control", "content-length", "x-content-type-options"}
            headers = {n: v for n, v in reader.response.headers.items() if n in kept}
            answers.append((reader.response.status_code, headers, reader.response.read()))
    assert answers[0][0] == 404
    assert answers == answers[:1] * 3


@pytest.mark.parametrize("kind", ["garbage", "refresh", "expired", "forged", "long"])
def test_a_token_that_does_not_hold(web, acme, run, kind):
    token = bad_tokens(acme.viewer)[kind]
    assert refusal(web, f"/sse/runs/{run.pk}", token=token) == (401, "not_authenticated")


def test_a_token_in_the_url_counts_for_nothing(web, acme, run):
    token = AccessToken.for_user(acme.viewer)
    assert refusal(web, f"/sse/runs/{run.pk}?token={token}") == (401, "not_authenticated")


def test_a_session_counts_for_no_page_of_another_site(web, acme, run):
    _, cookie = browser_of(acme.viewer)
    path = f"/sse/runs/{run.pk}"
    assert refusal(web, path, **cookie, Origin="http://elsewhere.example")[0] == 403
    for site in ("cross-site", "same-site"):
        assert refusal(web, path, **cookie, Sec_Fetch_Site=site)[0] == 401


@pytest.mark.parametrize("position", ["x", "epoch:", "epoch:-1", "1:2:x", ":\u0661"])
def test_a_malformed_position(web, acme, run, position):
    sent = httpx.QueryParams({"last_event_id": position})
    path = f"/sse/runs/{run.pk}?{sent}"
    assert refusal(web, path, acme.viewer) == (400, "malformed")


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS"])
def test_another_method(web, acme, run, method):
    response = plain_http.request(method, f"{web.origin}/sse/runs/{run.pk}", content=b"x" * 100_000)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET")


def test_an_unknown_path_is_not_found(web, acme):
    assert plain_http.get(f"{web.origin}/sse/nothing").status_code == 404


def test_a_member_who_leaves_gets_a_close_and_no_more(web, acme, run):
    with reading(web, f"/sse/runs/{run.pk}", acme.viewer) as reader:
        reader.until(type="boot")
        Membership.objects.filter(user=acme.viewer).delete()
        (end,) = reader.rest()
        assert (end.event, end.data["code"]) == ("close", 4403)
    assert refusal(web, f"/sse/runs/{run.pk}", acme.viewer)[0] == 404


def test_a_session_that_ends(web, acme, run):
    browser, cookie = browser_of(acme.viewer)
    with reading(web, f"/sse/runs/{run.pk}", **cookie) as reader:
        reader.until(type="boot")
        browser.logout()
        assert reader.rest()[-1].data["code"] == 4401


def test_limits_count_sockets_and_event_streams_together(acme, run):
    web = Web(SOCKETS_PER_USER="2", REALTIME_HEARTBEAT_S="1")
    try:
        with ExitStack() as stack:
            socket_ = stack.enter_context(web.socket("/ws/mission", acme.viewer))
            socket_.until(type="hello")
            stack.enter_context(reading(web, "/sse/mission", acme.viewer)).until(type="hello")
            assert refusal(web, "/sse/mission", acme.viewer) == (429, "too_many_connections")
        # What has ended gives its place back, however it has ended.
        for _ in range(3):
            eventually(lambda: opens(web, acme.viewer))
    finally:
        web.stop()


def opens(web: Web, user: User) -> bool:
    with reading(web, "/sse/mission", user) as reader:
        return reader.response.status_code == 200


def test_a_server_that_restarts_says_so_and_ends_at_once(acme, run):
    web = Web()
    with reading(web, f"/sse/runs/{run.pk}", acme.viewer) as reader:
        reader.until(type="boot")
        begun = time.monotonic()
        web.stop(signal.SIGTERM)
        assert time.monotonic() - begun < 8, "it waited for the reader"
        (end,) = reader.rest()
        assert (end.event, end.data["code"]) == ("close", 1012)
        assert 0 <= reader.retry_ms < RESTART_SPREAD_MS


def test_a_body_without_end_is_not_kept(web, acme, run):
    token = AccessToken.for_user(acme.viewer)
    with socket.create_connection(("127.0.0.1", web.port), timeout=20) as connection:
        connection.sendall(
            f"GET /sse/runs/{run.pk} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        for _ in range(64):
            connection.sendall(b"8000\r\n" + bytes(0x8000) + b"\r\n")
        seen = b""
        while b'"boot"' not in seen:
            seen += connection.recv(65536)


def test_other_servers_of_the_application_stream_too(acme, run):
    for server in ({"daphne": True}, {"stock": True}):
        web = Web(REALTIME_HEARTBEAT_S="1", **server)
        try:
            with reading(web, f"/sse/runs/{run.pk}", acme.viewer) as reader:
                assert reader.until(type="boot")[0]["type"] == "hello"
                run.share(True)
                assert reader.response.headers["Content-Type"].startswith("text/event-stream")
            assert refusal(web, f"/sse/runs/{MISSING}", acme.viewer) == (404, "not_found")
        finally:
            web.stop()
