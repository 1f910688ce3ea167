"""Calls of the API in a minute: refused beyond the limit, never slowed by Redis."""

import time
from collections.abc import Iterator

import pytest
from rest_framework.test import APIClient

from conftest import PASSWORD
from crewops import redis_rate_limit
from realtime import redis_circuit_breaker
from tests.chaos.faults import RedisServer

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
TIMEOUT_S = redis_circuit_breaker.TIMEOUT_S  # of the product: this process waits longer
NO_TIME_S = TIMEOUT_S * 10  # one wait on a busy machine, not one for each of a hundred


@pytest.fixture(autouse=True)
def small_limits(settings, redis_server, monkeypatch):
    settings.API_CALLS_PER_MINUTE = 3
    settings.API_CALLS_PER_MINUTE_ANONYMOUS = 2
    settings.SIGN_INS_PER_MINUTE = 2
    monkeypatch.setattr(
        redis_rate_limit, "WINDOW_S", 10**9
    )  # no minute ends in the middle of a test
    redis_server.flushall()


@pytest.fixture
def own_redis(settings, tmp_path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    settings.REDIS_URL = server.url
    yield server
    server.stop()


def statuses(client: APIClient, path: str, times: int, **extra: str) -> list[int]:
    return [client.get(path, **extra).status_code for _ in range(times)]


def test_a_user_gets_so_many_calls_from_wherever(acme, api):
    assert statuses(api(acme.viewer), "/api/crews/", 2, REMOTE_ADDR=HERE) == [200, 200]
    assert statuses(api(acme.viewer), "/api/runs/", 2, REMOTE_ADDR=ELSEWHERE) == [200, 429]
    assert statuses(api(acme.operator), "/api/crews/", 1, REMOTE_ADDR=HERE) == [200]


def test_an_api_key_gets_so_many_calls_and_another_key_is_not_concerned(acme):
    for _ in range(2):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {acme.issue_key('watch')[1]}")
        assert statuses(client, "/api/crews/", 4, REMOTE_ADDR=HERE) == [200, 200, 200, 429]


def test_an_address_gets_so_many_and_cannot_choose_another(db, api):
    spoofed = {"REMOTE_ADDR": HERE, "HTTP_X_FORWARDED_FOR": "198.51.100.1"}
    assert statuses(api(None), "/api/schema/", 2, REMOTE_ADDR=HERE) == [200, 200]
    assert statuses(api(None), "/api/schema/", 1, **spoofed) == [429]
    assert statuses(api(None), "/api/schema/", 1, REMOTE_ADDR=ELSEWHERE) == [200]


EXPIRED = "Bearer " + "x.y.z"
FAILING = {
    "no token": ("GET", "/api/crews/", {}, 401),
    "a bad token": ("GET", "/api/runs/", {"HTTP_AUTHORIZATION": EXPIRED}, 401),
    "a bad token, posted": ("POST", "/api/runs/x/", {"HTTP_AUTHORIZATION": EXPIRED}, 404),
    "a header of two words too many": ("GET", "/api/crews/", {"HTTP_AUTHORIZATION": "Bearer a b"}, 401),
    "nowhere": ("GET", "/api/nowhere/", {}, 404),
    "no such media type": ("GET", "/api/schema/", {"HTTP_ACCEPT": "image/png"}, 406),
    "no such method": ("DELETE", "/api/token/", {}, 405),
    "a wrong refresh token": ("POST", "/api/token/refresh/", {"refresh": "x"}, 401),
}  # fmt: skip


@pytest.mark.parametrize("kind", FAILING)
def test_calls_that_fail_before_the_throttles_are_counted_too(db, kind):
    method, path, extra, status = FAILING[kind]

    def call(address: str) -> int:
        client = APIClient(REMOTE_ADDR=address)
        if "refresh" in extra:
            return client.post(path, extra, format="json").status_code
        return client.generic(method, path, **extra).status_code

    assert [call(HERE) for _ in range(4)] == [status, status, 429, 429]
    assert call(ELSEWHERE) == status


def test_failed_calls_of_an_address_do_not_stop_its_users(acme, api):
    assert statuses(api(None), "/api/crews/", 4, REMOTE_ADDR=HERE) == [401, 401, 429, 429]
    assert statuses(api(acme.viewer), "/api/crews/", 1, REMOTE_ADDR=HERE) == [200]


def test_a_refused_call_of_a_user_counts_as_theirs(acme, api):
    client = APIClient(enforce_csrf_checks=True, REMOTE_ADDR=HERE)
    client.force_login(acme.operator)
    runs = f"/api/crews/{acme.crew.pk}/runs/"
    assert [client.post(runs).status_code for _ in range(3)] == [403, 403, 429]
    viewer = api(acme.viewer)
    assert [viewer.post(runs).status_code for _ in range(4)] == [403, 403, 403, 429]


def test_wrong_tokens_of_the_metrics_are_counted(client, settings):
    wrong = {"REMOTE_ADDR": HERE, "HTTP_AUTHORIZATION": "Bearer wrong"}
    assert [client.get("/metrics", **wrong).status_code for _ in range(3)] == [401, 401, 429]
    assert int(client.get("/metrics", **wrong).headers["Retry-After"]) > 0


def test_the_refusal_is_a_problem_that_says_when_to_come_back(acme, api):
    client = api(acme.viewer)
    statuses(client, "/api/crews/", 3)
    refused = client.get("/api/crews/")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "throttled"
    assert "Retry-After" in refused.json()["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= redis_rate_limit.WINDOW_S


def test_a_window_begins_anew(acme, api, monkeypatch):
    client = api(acme.viewer)
    assert statuses(client, "/api/crews/", 4) == [200, 200, 200, 429]
    monkeypatch.setattr(redis_rate_limit, "WINDOW_S", 10**8)
    assert statuses(client, "/api/crews/", 1) == [200]


def test_what_is_counted_is_forgotten(acme, api, redis_server):
    statuses(api(acme.viewer), "/api/crews/", 1)
    (key,) = redis_server.keys("crewops:rate:*")
    assert redis_server.ttl(key) > 0


def test_many_names_from_one_address_are_refused_like_a_wrong_password(acme):
    def sign_in(username: str, password: str, address: str = HERE) -> int:
        credentials = {"username": username, "password": password}
        client = APIClient(REMOTE_ADDR=address)
        return client.post("/login/", credentials).status_code

    assert [sign_in(name, "wrong") for name in ("a", "b")] == [200, 200]
    assert sign_in("acme-viewer", PASSWORD) == 200  # the form again
    assert sign_in("acme-viewer", PASSWORD, ELSEWHERE) == 302


@pytest.mark.parametrize("fault", ["down", "hung"])
def test_without_redis_nobody_is_refused_or_kept_waiting(acme, api, own_redis, fault, monkeypatch):
    client = api(acme.viewer)
    assert statuses(client, "/api/crews/", 4) == [200, 200, 200, 429]
    if fault == "down":
        own_redis.kill()
    else:
        own_redis.freeze()
    monkeypatch.setattr(redis_circuit_breaker, "TIMEOUT_S", TIMEOUT_S)
    redis_circuit_breaker.of_process.cache_clear()
    client.get("/healthz")
    begun = time.monotonic()
    assert redis_rate_limit.count("somebody") == 0
    assert time.monotonic() - begun < NO_TIME_S
    begun = time.monotonic()
    assert [redis_rate_limit.count("somebody") for _ in range(100)] == [0] * 100
    assert time.monotonic() - begun < NO_TIME_S
    assert statuses(client, "/api/crews/", 5) == [200] * 5
