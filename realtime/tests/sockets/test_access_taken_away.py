"""Open sockets whose user loses access, on a live server."""

import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from conftest import PASSWORD
from crews.models import Membership
from realtime.log import streams
from realtime.tests.sockets.helpers import browser_of, finish
from tests.live import ENDED_S

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_removed_member_is_closed_out_within_two_seconds(web, acme, run, path_of_streams):
    with web.socket(path_of_streams, acme.viewer) as socket:
        socket.frame()
        Membership.objects.filter(user=acme.viewer).delete()
        removed = time.monotonic()
        socket.rest()
        assert socket.code == 4403
        assert time.monotonic() - removed < ENDED_S


def test_mission_narrows_to_what_is_left(web, acme, globex):
    Membership.objects.create(user=acme.viewer, organization=globex.organization)
    with web.socket("/ws/mission", acme.viewer) as socket:
        for _ in range(2):
            socket.until(type="signal")
        Membership.objects.filter(user=acme.viewer, organization=globex.organization).delete()
        gone = socket.until(type="gone")[-1]
        assert gone == {"type": "gone", "stream": streams.mission(globex.crew.pk)}
        globex.start_run()
        acme.start_run()
        assert socket.until(type="signal")[-1]["crew_id"] == str(acme.crew.pk)


@pytest.mark.parametrize("path", ["/ws/mission", "/ws/graph"])
def test_a_member_of_an_organization_without_crews_stays_until_removed(web, globex, path):
    outsider = User.objects.create_user("outsider")
    with web.socket(path, outsider) as socket:
        socket.until(type="ping")
        member = Membership.objects.create(user=outsider, organization=globex.organization)
        socket.until(stream=f"{path.removeprefix('/ws/')}:{globex.crew.pk}")
        globex.crew.delete()
        socket.until(type="gone")
        socket.until(type="ping")
        socket.until(type="ping")  # a check or two later
        member.delete()
        socket.rest()
        assert socket.code == 4403


@pytest.mark.parametrize("change", ["signed out", "expired", "deleted"])
def test_the_end_of_a_session_closes_its_sockets_and_no_others(web, acme, path, change):
    browser, cookie = browser_of(acme.viewer)
    _, other = browser_of(acme.viewer)
    options = {"origin": web.origin}
    with (
        web.socket(path, additional_headers=other, **options) as staying,
        web.socket(path, acme.viewer) as with_a_token,
        web.socket(path, additional_headers=cookie, **options) as socket,
    ):
        socket.frame()
        session = Session.objects.filter(pk=browser.session.session_key)
        match change:
            case "signed out":
                assert browser.post("/logout/").status_code == 302
            case "expired":
                session.update(expire_date=timezone.now())
            case "deleted":
                session.delete()
        ended = time.monotonic()
        socket.rest()
        assert socket.code == 4401
        assert time.monotonic() - ended < ENDED_S
        for alive in (staying, with_a_token):
            alive.until(type="ping")
            alive.until(type="ping")  # a check or two later


@pytest.mark.parametrize("change", ["deactivated", "password"])
def test_a_deactivated_user_or_a_new_password_closes_the_sockets(web, acme, path, change):
    with web.socket(path, acme.viewer) as socket:
        socket.frame()
        if change == "deactivated":
            acme.viewer.is_active = False
        else:
            acme.viewer.set_password(PASSWORD + "!")
        acme.viewer.save()
        socket.rest()
        assert socket.code == 4401


def test_an_expired_token_closes_the_socket(web, acme, path):
    token = AccessToken.for_user(acme.viewer)
    token.set_exp(lifetime=timedelta(seconds=2))
    with web.socket(path, token=str(token)) as socket:
        socket.frame()
        socket.rest()
        assert socket.code == 4401
        assert 0 <= time.time() - token["exp"] < 25


def test_a_fresh_token_keeps_the_socket_open(web, acme, run):
    token = AccessToken.for_user(acme.viewer)
    token.set_exp(lifetime=timedelta(seconds=3))
    fresh = AccessToken.for_user(acme.viewer)
    with web.socket(f"/ws/runs/{run.pk}", token=str(token)) as socket:
        socket.send({"type": "auth", "token": str(fresh)})
        answer = socket.until(type="auth_ok")[-1]
        assert answer["expires_at"].endswith("Z")
        while time.time() < token["exp"] + 3:  # past its grace of 1 s
            socket.until(type="ping")
        finish(run)
        assert socket.rest()[-1]["type"] == "done"


def test_another_users_token_closes_the_socket(web, acme, path):
    # Else the token's password claim alone would distinguish the two users.
    acme.admin.password = acme.viewer.password
    acme.admin.save()
    with web.socket(path, acme.viewer) as socket:
        socket.send({"type": "auth", "token": str(AccessToken.for_user(acme.admin))})
        assert "auth_ok" not in [frame["type"] for frame in socket.rest()]
        assert socket.code == 4401
