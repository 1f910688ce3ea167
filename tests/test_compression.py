"""What is compressed, for whom, and what is left as it is."""

import gzip

import pytest
from django.test import Client
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from conftest import PASSWORD

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture
def browser(acme) -> Client:
    client = Client(headers=GZIP)
    client.force_login(acme.viewer)
    return client


@pytest.fixture
def program(acme) -> APIClient:
    for _ in range(5):
        acme.start_run().finish("failed")
    token = f"Bearer {AccessToken.for_user(acme.viewer)}"
    return APIClient(headers=GZIP | {"Authorization": token})


def test_pages_and_answers_of_the_api_are_compressed(browser, program):
    for client, path in ((browser, "/"), (browser, "/runs/"), (program, "/api/runs/")):
        response = client.get(path)
        assert response.headers["Content-Encoding"] == "gzip", path
        assert "Accept-Encoding" in response.headers["Vary"]
        plain = client.get(path, headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        assert len(response.content) < len(plain.content) / 3
        if client is program:
            assert gzip.decompress(response.content) == plain.content


def test_a_compressed_answer_is_answered_304_too(program):
    first = program.get("/api/runs/")
    again = program.get("/api/runs/", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_the_length_of_a_compressed_answer_says_little(program):
    """Random bytes stand against guesses by length, as those of BREACH."""
    assert len({len(program.get("/api/runs/").content) for _ in range(20)}) > 5


def test_what_is_small_secret_or_for_machines_is_left_as_it_is(acme, client):
    pair = {"username": "acme-viewer", "password": PASSWORD}
    token = APIClient(headers=GZIP).post("/api/token/", pair, format="json")
    assert len(token.content) > 200
    for response in (
        token,
        client.get("/healthz", headers=GZIP),
        client.get("/readyz", headers=GZIP),
        client.get("/metrics", headers=GZIP),
    ):
        assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize(
    "path",
    ["/nowhere/", "/runs/00000000-0000-4000-8000-000000000000/", "/runs/x/"],
)
def test_what_is_not_found_is_answered_with_our_page(browser, settings, path, debug):
    settings.DEBUG = debug
    response = browser.get(path, headers={"Accept-Encoding": "identity"})
    assert response.status_code == 404
    assert "Go to mission control" in response.content.decode()
    assert "URLconf" not in response.content.decode()


def test_a_missing_slash_is_still_added(browser, settings):
    settings.DEBUG = True
    assert browser.get("/runs").headers["Location"] == "/runs/"
