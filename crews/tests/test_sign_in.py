"""Signing in and out, and the pages that say no."""

import pytest
from django.contrib.sessions.backends.db import SessionStore as DjangoSessionStore
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory
from django.views.defaults import permission_denied, server_error

from conftest import PASSWORD
from crews.sessions import SessionStore

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True)


def sign_in(browser: Client, username: str, password: str, next_page: str = ""):
    page = browser.get("/login/")
    token = page.context["csrf_token"]
    credentials = {"username": username, "password": password, "next": next_page}
    return browser.post("/login/", credentials | {"csrfmiddlewaretoken": str(token)})


def test_signing_in_leads_to_the_page_asked_for(acme, browser):
    path = f"/crews/{acme.crew.pk}/"
    response = sign_in(browser, "acme-viewer", PASSWORD, path)
    assert response["Location"] == path
    assert browser.get(path).status_code == 200


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_site(acme, browser, address):
    assert sign_in(browser, "acme-viewer", PASSWORD, address)["Location"] == "/"


def test_a_wrong_password_an_unknown_and_a_deactivated_user_get_one_answer(acme, browser):
    acme.operator.is_active = False
    acme.operator.save()
    for username, password in (
        ("acme-viewer", "wrong"),
        ("nobody", PASSWORD),
        ("acme-operator", PASSWORD),
    ):
        response = sign_in(browser, username, password)
        assert response.status_code == 200
        assert "The user name or the password is wrong." in response.content.decode()
        assert browser.get("/").status_code == 302


def test_what_was_typed_comes_back_as_text(browser):
    page = sign_in(browser, '"><script>alert(1)</script>', "x").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_who_is_signed_in_goes_on(acme, client):
    client.force_login(acme.viewer)
    assert client.get("/login/")["Location"] == "/"


def test_demo_accounts_are_named_in_development_only(settings, client):
    assert settings.DEMO_PASSWORD not in client.get("/login/").content.decode()
    settings.DEBUG = True
    assert settings.DEMO_PASSWORD in client.get("/login/").content.decode()


def test_signing_out_takes_a_post(acme, client):
    client.force_login(acme.viewer)
    assert client.get("/logout/").status_code == 405
    assert client.get("/").status_code == 200
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(
    "key", ["\0" * 32, "a" * 31 + "\0", "é" * 32, "A" * 32, "../" * 11, "", "short"]
)
def test_a_session_key_that_is_none_of_ours_is_looked_up_nowhere(client, key):
    assert SessionStore(key).session_key is None
    assert DjangoSessionStore("\0" * 32).session_key == "\0" * 32  # PostgreSQL would fail on it
    octal = "".join(f"\\{ord(char):03o}" if ord(char) < 256 else char for char in key)
    client.cookies.load(f'sessionid="{octal}"')
    assert client.get("/").status_code == 302


def test_a_session_keeps_its_key(acme, client):
    client.force_login(acme.viewer)
    key = client.cookies["sessionid"].value
    assert SessionStore(key).session_key == key


def test_a_form_from_elsewhere_is_refused(acme, browser):
    browser.force_login(acme.viewer)
    response = browser.post("/logout/")
    assert response.status_code == 403
    assert "This form is not valid any more" in response.content.decode()
    assert browser.get("/").status_code == 200


def test_a_refusal_says_what_is_missing(acme, rf: RequestFactory):
    request = rf.get("/")
    request.user = acme.viewer
    page = permission_denied(request, PermissionDenied("Ask for <operator>.")).content.decode()
    assert "Ask for &lt;operator&gt;." in page


def test_a_broken_page_needs_nothing(rf: RequestFactory):
    response = server_error(rf.get("/"))
    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()
