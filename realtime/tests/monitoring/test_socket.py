"""Figures on a live server, once a second, of the organizations one may see: on `/ws/metrics`, and
as streams of `/ws/live`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User

from conftest import Tenant, make_tenant
from crews.models import Membership
from realtime import log
from realtime.log import streams
from realtime.sockets.metrics import NO_KEYS
from realtime.tests.sockets.helpers import alive, browser_of, close_of, frames_until, subscribe
from runs.events.kinds import Error
from runs.models import Worker
from tests.events import sample
from tests.live import ENDED_S, Socket, Web

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme(transactional_db) -> Tenant:
    Worker.objects.beat("w", slots=4)
    return make_tenant("acme")


@pytest.fixture
def globex(acme) -> Tenant:
    return make_tenant("globex")


class Alone:
    """On a socket of their own."""

    def __init__(self, web: Web) -> None:
        self.web = web

    @contextmanager
    def open(self, user: User, organization: str = "") -> Iterator[Socket]:
        """A socket that gets the figures, those of one organization if its slug is given."""
        query = f"?organization={organization}" if organization else ""
        with self.web.socket(f"/ws/metrics{query}", user) as socket:
            yield socket

    def end(self, socket: Socket) -> tuple[int, list[dict]]:
        """The code with which the figures end, and the frames before."""
        frames = [frame for frame in socket.rest() if frame["type"] != "ping"]
        return socket.code, frames


class OnLiveSocket(Alone):
    """As a stream of ``/ws/live``."""

    @contextmanager
    def open(self, user: User, organization: str = "") -> Iterator[Socket]:
        with self.web.socket("/ws/live", user) as socket:
            assert socket.frame()["stream"] is None
            subscribe(socket, f"metrics:{organization}" if organization else "metrics")
            yield socket

    def end(self, socket: Socket) -> tuple[int, list[dict]]:
        """Only they end, and no frame of them follows."""
        *frames, close = frames_until(socket, type="close")
        after = [*socket.until(type="ping"), *socket.until(type="ping")]
        assert {frame["type"] for frame in after} == {"ping"}
        return close["code"], frames


@pytest.fixture(params=[Alone, OnLiveSocket])
def way(request, web) -> Alone:
    return request.param(web)


def figures_of(socket, **wanted) -> dict:
    """The first figures that are as wanted."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        frame = socket.frame()
        if frame["type"] == "metrics" and all(frame["figures"][k] == v for k, v in wanted.items()):
            return frame
    raise AssertionError(f"no figures like {wanted}, the last {frame}")


def test_it_says_hello_and_then_figures_about_once_a_second(web, superuser):
    with web.socket("/ws/metrics", superuser) as socket:
        hello = socket.frame()
        assert (hello["type"], hello["stream"]) == ("hello", None)
        assert "rendered_every_s" not in hello
        began = time.monotonic()
        for _ in range(3):
            frame = socket.until(type="metrics")[-1]
        assert time.monotonic() - began > 1.5
        assert frame["database"] is True
        assert frame["figures"].keys() >= {"events", "deliveries", "slots", "workers"}


def test_an_admin_sees_no_count_of_another_organization(web, way, acme, globex, superuser):
    run = globex.start_run()
    with (
        web.socket(f"/ws/runs/{run.pk}", globex.viewer) as other,
        way.open(superuser) as whole,
        way.open(globex.admin) as theirs,
        way.open(acme.admin) as own,
    ):
        other.until(type="boot")
        assert figures_of(theirs, sockets=1, running=1)["figures"]["slots_used"] == 1
        assert figures_of(whole, running=1, sockets=4)["figures"]["slots"] == 4
        frame = figures_of(own, events=0)  # those of its own crew's making are over
        assert {name for name, value in frame["figures"].items() if value} == set()
        assert frame["figures"].keys().isdisjoint({"slots", "workers", "processes"})
        # It may have those of its own crew's first event, which nobody followed.
        assert frame["latency_ms"].keys().isdisjoint({"write", "render"})


def test_an_organization_may_be_asked_for(way, acme, globex, superuser):
    globex.start_run()
    with way.open(superuser, "acme") as socket:
        frame = figures_of(socket, running=0)
        assert "slots" not in frame["figures"]
    for user, slug in ((acme.admin, "globex"), (acme.admin, "nowhere"), (superuser, "nowhere")):
        with way.open(user, slug) as socket:
            assert way.end(socket) == (4404, [])


@pytest.mark.parametrize("organization", ["", "acme"])
@pytest.mark.parametrize("role", [None, "operator", "viewer"])
def test_who_is_no_admin_any_more_gets_no_figures(way, acme, role, organization):
    with way.open(acme.admin, organization) as socket:
        socket.until(type="metrics")
        membership = Membership.objects.get(user=acme.admin)
        if role is None:
            membership.delete()
        else:
            membership.role = role
            membership.save()
        removed = time.monotonic()
        assert way.end(socket)[0] == 4403
        assert time.monotonic() - removed < ENDED_S


def test_figures_lose_an_organization_that_the_user_does_not_manage_any_more(way, acme, globex):
    both = Membership.objects.create(
        user=acme.admin, organization=globex.organization, role="admin"
    )
    globex.start_run()
    with way.open(acme.admin) as all_of_them, way.open(acme.admin, "globex") as one:
        figures_of(all_of_them, running=1)
        figures_of(one, running=1)
        both.delete()
        assert way.end(one)[0] == 4404
        figures_of(all_of_them, running=0)


def test_two_processes_are_summed_and_what_was_healed_is_counted(web, acme):
    run = acme.start_run()
    second = Web()
    try:
        path = f"/ws/runs/{run.pk}"
        with (
            web.socket(path, acme.viewer) as one,
            second.socket(path, acme.viewer) as two,
            second.socket("/ws/metrics", acme.admin) as figures,
        ):
            one.until(type="boot")
            two.until(type="boot")
            figures_of(figures, sockets=2)
            log.append(streams.run(run.pk), [sample(Error, str(acme.crew.pk), str(run.pk))])
            one.until(type="error")
            two.until(type="error")
            deadline = time.monotonic() + 20
            while not figures.until(type="metrics")[-1]["figures"]["healed"]:
                assert time.monotonic() < deadline
    finally:
        second.stop()


def test_pages_may_say_how_long_showing_took_and_nothing_else(web, acme):
    run = acme.start_run()
    stream = streams.run(run.pk)
    with (
        web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket,
        web.socket("/ws/metrics", acme.admin) as figures,
    ):
        assert socket.frame()["rendered_every_s"] == 5
        socket.until(type="boot")
        socket.send({"type": "rendered", "stream": stream, "ms": 40})
        for _ in range(10):
            frame = figures.until(type="metrics")[-1]
            if render := frame["latency_ms"].get("render"):
                break
        assert render["count"] == 1
        assert 25 < render["p50"] < 60
        socket.send({"type": "rendered", "stream": stream, "ms": 1e9})
        refused = socket.until(type="error_message")[-1]
        assert refused["code"] == "malformed"
        figures.send({"type": "rendered", "stream": stream, "ms": 1})
        assert figures.until(type="error_message")[-1]["code"] == "malformed"


class TestOnTheLiveSocket:
    def test_every_frame_names_the_stream_and_no_position_counts(self, web, superuser):
        with web.socket("/ws/live", superuser) as live:
            subscribe(live, "metrics", since=5, epoch="x")
            _, hello, *_, figures = frames_until(live, type="metrics")
            assert hello | {"heartbeat_s": 0} == {
                "type": "hello", "stream": "metrics", "epoch": None, "head": 0, "heartbeat_s": 0,
            }  # fmt: skip
            assert figures["stream"] == "metrics"
            assert figures["figures"].keys() >= {"events", "slots"}
            assert live.until(type="ping")[-1]["heads"] == {}

    def test_its_own_socket_names_none(self, web, superuser):
        with web.socket("/ws/metrics", superuser) as socket:
            assert "stream" not in socket.until(type="metrics")[-1]

    def test_several_scopes_go_together_as_tabs_share_the_socket(self, web, acme, superuser):
        with web.socket("/ws/live", superuser) as live:
            subscribe(live, "metrics:acme", "metrics")
            own = live.until(type="metrics", stream="metrics:acme")[-1]
            assert "slots" not in own["figures"]
            assert "slots" in live.until(type="metrics", stream="metrics")[-1]["figures"]
            live.send({"type": "unsubscribe", "stream": "metrics"})
            live.until(type="unsubscribed", stream="metrics")
            rest = [*live.until(type="ping"), *live.until(type="metrics"), *live.until(type="ping")]
            assert {frame["stream"] for frame in rest if frame["type"] == "metrics"} == {
                "metrics:acme"
            }

    def test_a_refusal_ends_no_other_stream(self, web, acme, globex):
        run = acme.start_run()
        with web.socket("/ws/live", acme.operator) as live:
            subscribe(live, streams.run(run.pk))
            frames_until(live, type="boot")
            for name in ("metrics", "metrics:acme", "metrics:globex", "metrics:nowhere"):
                subscribe(live, name)
                assert close_of(live, name)[0] == 4403
            log.append(streams.run(run.pk), [sample(Error, str(acme.crew.pk), str(run.pk))])
            live.until(type="error")
            assert alive(live)

    def test_an_api_key_is_refused_with_what_to_use(self, web, acme):
        _, key = acme.issue_key("report", "watch")
        with web.socket("/ws/live", token=key) as live:
            subscribe(live, "metrics")
            assert close_of(live, "metrics") == (4403, NO_KEYS)

    def test_pages_may_say_how_long_showing_took(self, web, acme):
        run = acme.start_run()
        stream = streams.run(run.pk)
        with web.socket("/ws/live", acme.admin) as live:
            subscribe(live, stream, "metrics")
            live.until(type="boot")
            live.until(type="metrics")
            live.send({"type": "rendered", "stream": "metrics", "ms": 9000})  # shows no event
            live.send({"type": "rendered", "stream": stream, "ms": 40})
            deadline = time.monotonic() + 20
            while not (render := live.until(type="metrics")[-1]["latency_ms"].get("render")):
                assert time.monotonic() < deadline
            assert render["count"] == 1
            assert 25 < render["p50"] < 60

    def test_the_end_of_the_session_ends_the_socket(self, web, acme):
        browser, cookie = browser_of(acme.admin)
        with web.socket("/ws/live", additional_headers=cookie, origin=web.origin) as live:
            subscribe(live, "metrics")
            live.until(type="metrics")
            browser.post("/logout/")
            live.rest()
            assert live.code == 4401
