"""Streams of a live socket whose user loses access to them, on a live server."""

import time

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from crews.models import ApiKey, Membership
from realtime.log import streams
from realtime.sockets.session_tag import tag_of
from realtime.tests.sockets.helpers import (
    alive,
    browser_of,
    close_of,
    frames_until,
    subscribe,
    work,
)
from tests.live import ENDED_S

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_lost_membership_ends_its_streams_within_two_seconds(web, acme, globex, run):
    Membership.objects.create(user=acme.viewer, organization=globex.organization)
    theirs = streams.graph(globex.crew.pk)
    ours = {streams.run(run.pk), streams.graph(acme.crew.pk), streams.mission(acme.crew.pk)}
    with web.socket("/ws/live", acme.viewer) as live:
        subscribe(live, theirs, *ours)
        for _ in range(5):
            live.until(type="hello")
        Membership.objects.filter(user=acme.viewer, organization=acme.organization).delete()
        removed = time.monotonic()
        ended = [frames_until(live, type="close")[-1] for _ in ours]
        assert time.monotonic() - removed < ENDED_S
        assert {frame["stream"] for frame in ended} == ours
        assert {frame["code"] for frame in ended} == {4403}
        work(run, run.plan["tasks"][0])
        other = globex.start_run()
        work(other, other.plan["tasks"][0])
        frames = frames_until(live, type="tool_end")
    assert {frame["stream"] for frame in frames} == {theirs}


def test_all_crews_end_with_the_last_membership(acme, live):
    subscribe(live, "mission")
    frames_until(live, type="signal")
    Membership.objects.filter(user=acme.viewer).delete()
    assert close_of(live, "mission")[0] == 4403
    assert alive(live)


def test_a_deleted_run_ends_its_stream(acme, run, live):
    name = streams.run(run.pk)
    subscribe(live, name)
    frames_until(live, type="boot")
    run.delete()
    close = frames_until(live, type="close")[-1]
    assert (close["stream"], close["code"]) == (name, 4404)
    assert alive(live)


def test_a_key_that_only_reports_gets_its_own_runs(web, acme, run):
    _, text = ApiKey.objects.issue(organization=acme.organization, name="k", scopes=["report"])
    with web.socket("/ws/live", token=text) as live:
        live.frame()
        for name, code in (
            (streams.graph(acme.crew.pk), 4403),
            ("mission", 4403),
            (streams.run(run.pk), 4403),
        ):
            subscribe(live, name)
            assert close_of(live, name)[0] == code


def test_a_new_token_serves_the_streams_too(web, acme, run):
    token = AccessToken.for_user(acme.viewer)
    with web.socket("/ws/live", token=str(token)) as live:
        subscribe(live, streams.run(run.pk))
        frames_until(live, type="boot")
        live.send({"type": "auth", "token": str(AccessToken.for_user(acme.viewer))})
        assert frames_until(live, type="auth_ok")
        live.until(type="ping")
        live.until(type="ping")  # a check or two later
        work(run, run.plan["tasks"][0])
        assert frames_until(live, type="task_end")


def test_a_page_of_another_session_gets_no_socket(web, acme, run):
    browser, cookie = browser_of(acme.viewer)
    _, of_another = browser_of(acme.viewer)
    path = f"/ws/live?session={tag_of(browser.session.session_key)}"
    options = {"origin": web.origin}
    with web.socket(path, additional_headers=cookie, **options) as live:
        assert live.frame()["type"] == "hello"
    for refused in (path + "0", "/ws/live?session=", f"{path}&session=x"):
        with web.socket(refused, additional_headers=cookie, **options) as live:
            assert live.close_code() == 4401
    with web.socket(path, additional_headers=of_another, **options) as live:
        assert live.close_code() == 4401
        assert "Reload" in live.connection.protocol.close_reason
    with web.socket(path, acme.viewer) as live:
        assert live.close_code() == 4401


def test_the_end_of_a_session_closes_the_socket_with_its_streams(web, acme, run):
    browser, cookie = browser_of(acme.viewer)
    with web.socket("/ws/live", additional_headers=cookie, origin=web.origin) as live:
        subscribe(live, streams.run(run.pk), "mission")
        frames_until(live, type="signal")
        browser.post("/logout/")
        ended = time.monotonic()
        frames = [frame for frame in live.rest() if frame["type"] != "ping"]
        assert live.code == 4401
        assert time.monotonic() - ended < ENDED_S
    assert {frame["type"] for frame in frames} <= {"hello", "boot"}
