"""Guessing passwords, by each way in: locked at that address, with the answer of a wrong
password.
"""

import re
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from conftest import PASSWORD
from tests import plain_http
from tests.admin import url
from tests.live import Web

LIMIT = settings.AXES_FAILURE_LIMIT
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
PATHS = {"page": "/login/", "api": "/api/token/"}
RANDOM = re.compile(r'nonce="[^"]*"|name="csrfmiddlewaretoken" value="[^"]*"|csrftoken="[^"]*"')


@pytest.fixture
def person(acme) -> User:
    acme.admin.is_staff = True
    acme.admin.save()
    return acme.admin


def attempt(way: str, username: str, password: str, address: str = HERE, **headers: str):
    client = APIClient() if way == "api" else Client()
    form = {"username": username, "password": password}
    options = {"format": "json"} if way == "api" else {}
    return client.post(PATHS[way], form, REMOTE_ADDR=address, headers=headers, **options)


def signed_in(response) -> bool:
    return response.status_code == 302 or "access" in getattr(response, "data", {})


def gets_in(way: str, user: User, address: str = HERE, **headers: str) -> bool:
    return signed_in(attempt(way, user.username, PASSWORD, address, **headers))


@pytest.fixture(params=PATHS)
def way(request) -> str:
    return request.param


def test_a_few_mistakes_lock_nobody(person, way):
    for _ in range(LIMIT - 1):
        assert not signed_in(attempt(way, person.username, "wrong"))
    assert gets_in(way, person)
    for _ in range(LIMIT - 1):  # they are forgotten once it was right
        attempt(way, person.username, "wrong")
    assert gets_in(way, person)


def test_many_lock_that_name_at_that_address_by_every_way_and_nothing_else(acme, person, way):
    for n in range(LIMIT):
        # Another browser each time is still the same guesser.
        attempt(way, person.username, f"wrong{n}", **{"User-Agent": f"browser {n}"})
    assert not any(gets_in(each, person) for each in PATHS)
    assert all(gets_in(each, person, ELSEWHERE) for each in PATHS)
    assert gets_in("page", acme.viewer)


def test_who_is_locked_hears_what_a_wrong_password_does(person, way):
    wrong = attempt(way, person.username, "wrong")
    for _ in range(LIMIT):
        attempt(way, person.username, "wrong")
    locked = attempt(way, person.username, PASSWORD)
    assert AccessAttempt.objects.get().failures_since_start == LIMIT
    assert locked.status_code == wrong.status_code
    seen = [RANDOM.sub("", response.content.decode()) for response in (wrong, locked)]
    assert seen[0] == seen[1]


def test_a_lock_ends_by_itself_and_trying_on_does_not_prolong_it(person, way):
    for _ in range(LIMIT + 3):
        attempt(way, person.username, "wrong")
    attempts = AccessAttempt.objects.filter(username=person.username)
    assert attempts.get().failures_since_start == LIMIT
    attempts.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME + timedelta(minutes=1))
    assert not gets_in(way, person)
    attempts.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME)
    assert gets_in(way, person)


def test_a_superuser_sees_a_lock_and_ends_it(person, superuser, way):
    for _ in range(LIMIT):
        attempt(way, person.username, "wrong")
    desk = Client()
    desk.force_login(superuser)
    assert person.username in desk.get(url("axes_accessattempt_changelist")).content.decode()
    path = url("axes_accessattempt_delete", AccessAttempt.objects.get().pk)
    stranger = Client()
    stranger.force_login(person)
    assert stranger.post(path, {"post": "yes"}).status_code == 403
    assert not gets_in(way, person)
    assert desk.post(path, {"post": "yes"}).status_code == 302
    assert gets_in(way, person)


@pytest.mark.parametrize("username", ["x" * 100_000, "n\0l", "", " ", "acme-admin\n", "\U0001f600"])
def test_any_name_may_be_tried(db, way, username):
    for _ in range(2):
        assert attempt(way, username, "wrong").status_code in (200, 400, 401)
    kept = AccessAttempt.objects.values_list("username", flat=True)
    assert all(len(name) <= 150 and "\0" not in name for name in kept)


def test_no_password_is_kept(person, way):
    attempt(way, person.username, "hunter22")
    kept = AccessAttempt.objects.values().get()
    assert person.username in kept.values()
    assert "hunter22" not in str(kept)


@pytest.mark.django_db(transaction=True)
def test_the_address_is_what_a_trusted_proxy_says_and_no_client_chooses_it(acme):
    def status(web: Web, address: str, password: str) -> int:
        credentials = {"username": "acme-viewer", "password": password}
        return plain_http.post(
            f"{web.origin}/api/token/", json=credentials, headers={"X-Forwarded-For": address}
        ).status_code

    for trusted, elsewhere in (("127.0.0.1", 200), ("192.0.2.99", 401)):
        AccessAttempt.objects.all().delete()
        web = Web(TRUSTED_PROXIES=trusted, SIGN_IN_FAILURES="3")
        try:
            for n in range(3):
                # A client's own header stands before what the proxy adds.
                assert status(web, f"198.51.100.{n}, {HERE}", "wrong") == 401
            assert status(web, HERE, PASSWORD) == 401
            assert status(web, ELSEWHERE, PASSWORD) == elsewhere
        finally:
            web.stop()
