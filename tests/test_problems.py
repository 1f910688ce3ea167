"""Every refusal of the API is a problem with a message that says what to do."""

import json

import httpx
import pytest
from django.conf import settings
from django.db import OperationalError
from rest_framework.test import APIClient

from conftest import PASSWORD
from crews.models import Crew
from tests import plain_http
from tests.live import Web

TOO_LARGE = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1


@pytest.fixture
def refused(acme, api):
    """Makes a request as the viewer, or as nobody; its problem, checked for shape."""

    def send(method: str, path: str, user=acme.viewer, **request) -> dict:
        client = api(user)
        client.raise_request_exception = False
        response = client.generic(method, path, **request)
        assert response.headers["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["type"] == "about:blank"
        assert problem["title"]
        assert problem["detail"]
        return problem

    return send


def test_the_answer_to_an_anonymous_request_says_how_to_sign_in(api, db):
    response = api(None).get("/api/crews/")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert "POST /api/token/" in response.json()["detail"]


@pytest.mark.parametrize("token", ["x", "a.b.c", "\x80\xff", "x" * 10_000, "one two"])
def test_a_token_that_is_none_is_refused(db, token):
    client = APIClient(headers={"Authorization": f"Bearer {token}"})
    response = client.get("/api/crews/")
    assert response.status_code == 401
    assert response.json()["code"] in ("token_not_valid", "bad_authorization_header")


@pytest.mark.parametrize(
    "path", ["/api/", "/api/nowhere/", "/api/crews/1/", "/api/runs/ABC/", "/api/crews//"]
)
def test_an_address_that_leads_nowhere(refused, path):
    assert refused("GET", path)["code"] == "not_found"
    assert refused("POST", path, user=None)["status"] == 404


@pytest.mark.parametrize("path", ["/v1/nowhere", "/sse/graph", "/agui/nowhere/"])
def test_addresses_of_programs_are_not_answered_with_pages(refused, path):
    assert refused("GET", path, user=None)["code"] == "not_found"


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs"])
def test_an_exporter_of_metrics_or_logs_is_told_to_switch_them_off(refused, path):
    problem = refused("POST", path, user=None)
    assert (problem["status"], problem["code"]) == (404, "not_found")
    assert "OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "body", "choices"),
    [
        ("api-keys", {"name": "n", "scopes": ["reports"]}, "report, watch, operate"),
        ("api-keys", {"name": "n", "scopes": [7]}, "report, watch, operate"),
    ],
)
def test_a_wrong_choice_gets_the_list_of_choices(refused, acme, path, body, choices):
    problem = refused(
        "POST",
        f"/api/organizations/acme/{path}/",
        user=acme.admin,
        data=json.dumps(body),
        content_type="application/json",
    )
    (error,) = problem["errors"]
    assert error["code"] == "invalid_choice"
    assert error["detail"].endswith(f"is not a valid choice. Choose one of: {choices}.")


def test_a_missing_slash_is_named(refused):
    problem = refused("GET", "/api/crews")
    assert (problem["status"], problem["code"]) == (404, "missing_slash")
    assert problem["detail"].endswith("/api/crews/")
    assert refused("GET", "/api/nowhere")["code"] == "not_found"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_a_method_that_an_address_does_not_have(refused, method):
    problem = refused(method, "/api/crews/")
    assert (problem["status"], problem["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        ("{", "application/json", 400, "parse_error"),
        ("\udcff".encode(errors="surrogateescape"), "application/json", 400, "parse_error"),
        ('{"username": NaN}', "application/json", 400, "parse_error"),
        ("[" * 100_000, "application/json", 400, "parse_error"),
        ("{}", "application/json; charset=bz2_codec", 400, "parse_error"),
        ("[]", "application/json", 400, "invalid"),
        ("username=a&password=b", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        ('"' + "x" * TOO_LARGE, "application/json", 413, "too_large"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read(refused, data, content_type, status, code):
    problem = refused("POST", "/api/token/", data=data, content_type=content_type, user=None)
    assert (problem["status"], problem["code"]) == (status, code)


def test_faults_are_listed_by_field(refused):
    problem = refused(
        "POST", "/api/token/", data='{"username": ""}', content_type="application/json", user=None
    )
    assert problem["code"] == "invalid"
    assert [(error["attr"], error["code"]) for error in problem["errors"]] == [
        ("username", "blank"),
        ("password", "required"),
    ]
    assert problem["detail"].startswith("username: ")


def test_a_database_that_does_not_answer_is_503(refused, monkeypatch):
    def fail(*args):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(Crew.objects, "visible_to", fail)
    problem = refused("GET", "/api/crews/")
    assert problem["status"] == 503
    assert "closed the connection" not in problem["detail"]


def test_a_fault_of_ours_reveals_no_secrets(refused, monkeypatch):
    def fail(*args):
        raise RuntimeError("the key is hunter22")

    monkeypatch.setattr(Crew.objects, "visible_to", fail)
    problem = refused("GET", "/api/crews/")
    assert problem["status"] == 500
    assert "hunter22" not in str(problem)


class TestLargeBodies:
    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("chunked", [False, True])
    def test_are_refused_before_they_are_stored(self, web: Web, chunked):
        sent = 0

        def pieces():
            nonlocal sent
            for _ in range(1000):
                sent += 64 * 1024
                yield b"x" * 64 * 1024

        headers = {"Content-Type": "application/json"}
        if not chunked:
            headers["Content-Length"] = str(1000 * 64 * 1024)
        try:
            response = plain_http.post(
                f"{web.origin}/api/token/", content=pieces(), headers=headers
            )
        except httpx.WriteError:
            pass  # the server closed while we were still sending
        else:
            assert response.status_code == 413
            assert response.json()["code"] == "too_large"
        assert sent < 32 * 1024 * 1024

    @pytest.mark.django_db(transaction=True)
    def test_in_chunks_without_a_length_are_read(self, web: Web, acme):
        body = json.dumps({"username": acme.viewer.username, "password": PASSWORD}).encode()
        pieces = (body[at : at + 10] for at in range(0, len(body), 10))
        headers = {"Content-Type": "application/json"}
        response = plain_http.post(f"{web.origin}/api/token/", content=pieces, headers=headers)
        assert response.request.headers["Transfer-Encoding"] == "chunked"
        assert (response.status_code, [*response.json()]) == (200, ["refresh", "access"])

    @pytest.mark.django_db(transaction=True)
    def test_up_to_the_limit_are_read(self, web: Web):
        body = b'{"username": "' + b"x" * (TOO_LARGE - 100) + b'"}'
        headers = {"Content-Type": "application/json"}
        response = plain_http.post(f"{web.origin}/api/token/", content=body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (400, "invalid")
        body += b" " * 200
        response = plain_http.post(f"{web.origin}/api/token/", content=body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (413, "too_large")
