"""Which pages of other origins may call the API (CORS), and with what."""

import pytest
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

PAGE = "https://app.example.com"
FOREIGN = [
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evil.app.example.com",
    "https://app.example.com@evil.example",
    "null",
    "*",
    "https://[::1",
]
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture(autouse=True)
def allowed(settings):
    settings.CORS_ALLOWED_ORIGINS = [PAGE]


@pytest.fixture
def bearer(acme):
    return f"Bearer {AccessToken.for_user(acme.viewer)}"


def test_a_page_of_an_allowed_origin_reads_answers_to_a_token(bearer):
    headers = {"Origin": PAGE, "Authorization": bearer}
    answer = Client().get("/api/crews/", headers=headers)
    assert answer.status_code == 200
    assert answer.headers[ALLOW] == PAGE
    assert "origin" in answer.headers["Vary"].lower().split(", ")
    again = Client().get("/api/crews/", headers=headers | {"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.headers[ALLOW]) == (304, PAGE)
    assert "ETag" in again.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/crews/", 401), ("/api/nowhere", 404), ("/api/token/", 405)],
)
def test_it_reads_why_it_is_refused(db, path, status):
    answer = Client().get(path, headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers[ALLOW]) == (status, PAGE)
    assert answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/token/", "/api/crews/", "/api/runs/x/cancel/"])
def test_a_browser_asks_first_and_needs_no_credentials_for_that(path):
    wanted = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    answer = Client().options(path, headers={"Origin": PAGE} | wanted)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers[ALLOW] == PAGE
    assert "POST" in answer.headers["Access-Control-Allow-Methods"].split(", ")
    headers = set(answer.headers["Access-Control-Allow-Headers"].split(", "))
    assert {"authorization", "content-type", "idempotency-key"} <= headers
    foreign = Client().options(path, headers={"Origin": FOREIGN[0]} | wanted)
    assert ALLOW not in foreign.headers


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_origin_reads_nothing(bearer, origin):
    answer = Client().get("/api/crews/", headers={"Origin": origin, "Authorization": bearer})
    assert ALLOW not in answer.headers


def test_no_page_of_another_origin_reads_an_answer_to_a_cookie(acme):
    client = Client()
    client.force_login(acme.viewer)
    answer = client.get("/api/crews/", headers={"Origin": PAGE})
    # Without this header a browser shows no answer to a request with a cookie.
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/login/", "/healthz", "/metrics", "/admin/", "/v1/traces"])
def test_only_the_api_is_for_other_origins(db, path):
    assert ALLOW not in Client().get(path, headers={"Origin": PAGE}).headers


def test_the_setting_is_that_of_sockets(settings):
    from crewops.settings import security

    assert [origin.rstrip("/") for origin in settings.ALLOWED_ORIGINS] == (
        security.CORS_ALLOWED_ORIGINS
    )
