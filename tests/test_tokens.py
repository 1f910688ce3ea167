"""Tokens: who gets them, and what ends them."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from conftest import PASSWORD
from crewops.api import tokens
from realtime.sockets import auth
from tests import plain_http
from tests.security import tokens as made

CLOSE_REASON = 123  # bytes that a close frame has room for


def post(path: str, **body: str):
    return APIClient().post(path, body, format="json")


@pytest.fixture
def pair(acme) -> dict[str, str]:
    response = post("/api/token/", username="acme-viewer", password=PASSWORD)
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    return response.json()


def opens(access: str) -> int:
    client = APIClient(headers={"Authorization": f"Bearer {access}"})
    return client.get("/api/crews/").status_code


def renewed(refresh: str):
    return post("/api/token/refresh/", refresh=refresh)


def test_username_and_password_give_a_pair_that_works(pair):
    assert set(pair) == {"access", "refresh"}
    assert opens(pair["access"]) == 200
    assert opens(pair["refresh"]) == 401


def test_a_refresh_token_gives_a_new_pair_that_works(pair):
    response = renewed(pair["refresh"])
    assert response.status_code == 200
    again = response.json()
    assert set(again) == {"access", "refresh"}
    assert again["refresh"] != pair["refresh"]
    assert opens(again["access"]) == 200
    assert renewed(again["refresh"]).status_code == 200
    assert renewed(again["access"]).status_code == 401


def test_a_refresh_token_works_once(pair):
    again = renewed(pair["refresh"]).json()
    used = renewed(pair["refresh"])
    assert (used.status_code, used.json()["code"]) == (401, "token_not_valid")
    assert "access" not in used.json()
    assert renewed(again["refresh"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_many_uses_at_once_one_succeeds(web, acme):
    pair = post("/api/token/", username="acme-viewer", password=PASSWORD).json()
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(
                lambda _: (
                    plain_http.post(
                        f"{web.origin}/api/token/refresh/", json={"refresh": pair["refresh"]}
                    ).status_code
                ),
                range(20),
            )
        )
    assert sorted(answers) == [200] + [401] * 19


def test_of_two_that_passed_the_look_for_used_ones_one_succeeds(acme):
    text = str(tokens.RefreshToken.for_user(acme.viewer))
    one, other = tokens.RefreshToken(text), tokens.RefreshToken(text)
    one.blacklist()
    with pytest.raises(TokenError, match="blacklisted"):
        other.blacklist()


def test_a_revoked_refresh_token_works_no_more(acme, pair):
    other = post("/api/token/", username="acme-viewer", password=PASSWORD).json()
    revoked = post("/api/token/revoke/", refresh=pair["refresh"])
    assert (revoked.status_code, revoked.content) == (204, b"")
    assert renewed(pair["refresh"]).status_code == 401
    assert post("/api/token/revoke/", refresh=pair["refresh"]).status_code == 401
    assert renewed(other["refresh"]).status_code == 200  # another sign-in of the same user
    assert post("/api/token/revoke/", refresh=other["access"]).status_code == 401


def test_the_database_holds_no_token_that_works(acme, pair):
    again = renewed(pair["refresh"]).json()
    post("/api/token/revoke/", refresh=again["refresh"])
    assert [*OutstandingToken.objects.values_list("token", flat=True)] == ["", ""]
    RefreshToken.for_user(acme.viewer)  # as the library keeps it
    assert OutstandingToken.objects.exclude(token="").exists()


def test_what_is_kept_of_used_tokens_goes_when_they_expire(acme, pair):
    renewed(pair["refresh"])
    call_command("flushexpiredtokens")
    assert OutstandingToken.objects.count() == 1
    OutstandingToken.objects.update(expires_at=timezone.now())
    call_command("flushexpiredtokens")
    assert OutstandingToken.objects.count() == 0


@pytest.mark.parametrize(
    ("username", "password"), [("acme-viewer", "wrong"), ("nobody", PASSWORD), ("root\x00", "x")]
)
def test_wrong_credentials_give_nothing_and_do_not_say_which_is_wrong(acme, username, password):
    response = post("/api/token/", username=username, password=password)
    if "\x00" in username:
        assert response.status_code == 400
    else:
        assert response.status_code == 401
        assert response.json()["code"] == "no_active_account"


def test_a_deactivated_user_gets_none_and_keeps_none(acme, pair):
    User.objects.filter(pk=acme.viewer.pk).update(is_active=False)
    assert post("/api/token/", username="acme-viewer", password=PASSWORD).status_code == 401
    assert opens(pair["access"]) == 401
    assert renewed(pair["refresh"]).status_code == 401


def test_a_changed_password_ends_access_and_refresh(acme, pair):
    acme.viewer.set_password("another horse battery")
    acme.viewer.save()
    assert opens(pair["access"]) == 401
    response = renewed(pair["refresh"])
    assert (response.status_code, response.json()["code"]) == (401, "password_changed")


def test_tokens_of_a_deleted_user_are_refused(acme, pair):
    acme.viewer.delete()
    assert opens(pair["access"]) == 401
    response = renewed(pair["refresh"])
    assert (response.status_code, response.json()["code"]) == (401, "user_not_found")


@pytest.mark.parametrize("kind", [AccessToken, RefreshToken])
def test_an_expired_token_is_refused(acme, kind):
    token = kind.for_user(acme.viewer)
    token.set_exp(lifetime=-kind.lifetime)
    assert opens(str(token)) == 401
    response = renewed(str(token))
    assert (response.status_code, response.json()["code"]) == (401, "token_not_valid")
    assert "POST /api/token/" in response.json()["detail"]


class TestClocksThatDiffer:
    """The machine that issued the token is ahead of this one."""

    @pytest.mark.parametrize("claim", ["iat", "nbf"])
    def test_a_second_is_nothing(self, acme, claim):
        for kind in (AccessToken, RefreshToken):
            ahead = made.good(acme.viewer, kind, **{claim: int(time.time()) + 2})
            if kind is AccessToken:
                assert opens(ahead) == 200
                assert auth.of_token(ahead).user_id == acme.viewer.pk
            else:
                assert renewed(ahead).status_code == 200

    @pytest.mark.parametrize("claim", ["iat", "nbf"])
    def test_more_than_the_leeway_is_refused_with_the_cause(self, acme, claim):
        leeway = settings.SIMPLE_JWT["LEEWAY"]
        for kind in (AccessToken, RefreshToken):
            ahead = made.good(acme.viewer, kind, **{claim: int(time.time() + leeway) + 30})
            answer = renewed(ahead)
            if kind is AccessToken:
                with pytest.raises(auth.InvalidCredentials, match="clock") as refused:
                    auth.of_token(ahead)
                assert len(str(refused.value)) <= CLOSE_REASON
                client = APIClient(headers={"Authorization": f"Bearer {ahead}"})
                answer = client.get("/api/crews/")
            assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
            assert "clock" in answer.json()["detail"]

    def test_the_leeway_makes_no_token_live_longer(self, acme):
        for kind in (AccessToken, RefreshToken):
            over = made.good(acme.viewer, kind, exp=int(time.time()) - 1)
            assert renewed(over).status_code == 401
            assert opens(over) == 401
            with pytest.raises(auth.InvalidCredentials, match="expired"):
                auth.of_token(over)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 10_000])
def test_garbage_is_refused(db, token):
    assert renewed(token).status_code == (401 if token else 400)


def test_a_session_works_too_and_keeps_its_csrf_check(acme):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(acme.operator)
    url = f"/api/crews/{acme.crew.pk}/runs/"
    assert client.get("/api/crews/").status_code == 200
    refused = client.post(url)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert "CSRF" in refused.json()["detail"]
    client.cookies["csrftoken"] = "c" * 32
    assert client.post(url, headers={"X-CSRFToken": "c" * 32}).status_code == 201
