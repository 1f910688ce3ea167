"""`/ws/metrics` on a live server: figures once a second, of the organizations one may see."""

import time

import pytest

from conftest import Tenant, make_tenant
from crews.models import Membership
from realtime import log
from realtime.log import streams
from runs.events.kinds import Error
from runs.models import Worker
from tests.events import sample
from tests.live import Web

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme(transactional_db) -> Tenant:
    Worker.objects.beat("w", slots=4)
    return make_tenant("acme")


@pytest.fixture
def globex(acme) -> Tenant:
    return make_tenant("globex")


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


def test_an_admin_sees_no_count_of_another_organization(web, acme, globex, superuser):
    run = globex.start_run()
    with (
        web.socket(f"/ws/runs/{run.pk}", globex.viewer) as other,
        web.socket("/ws/metrics", superuser) as whole,
        web.socket("/ws/metrics", globex.admin) as theirs,
        web.socket("/ws/metrics", acme.admin) as own,
    ):
        other.until(type="boot")
        assert figures_of(theirs, sockets=1, running=1)["figures"]["slots_used"] == 1
        assert figures_of(whole, running=1, sockets=4)["figures"]["slots"] == 4
        frame = figures_of(own, events=0)  # those of its own crew's making are over
        assert {name for name, value in frame["figures"].items() if value} == set()
        assert frame["figures"].keys().isdisjoint({"slots", "workers", "processes"})
        # It may have those of its own crew's first event, which nobody followed.
        assert frame["latency_ms"].keys().isdisjoint({"write", "render"})


def test_an_organization_may_be_asked_for(web, acme, globex, superuser):
    globex.start_run()
    with web.socket("/ws/metrics?organization=acme", superuser) as socket:
        frame = figures_of(socket, running=0)
        assert "slots" not in frame["figures"]
    for slug in ("globex", "nowhere"):
        with web.socket(f"/ws/metrics?organization={slug}", acme.admin) as socket:
            assert socket.close_code() == 4404


def test_who_is_no_admin_any_more_is_closed(web, acme):
    with web.socket("/ws/metrics", acme.admin) as socket:
        socket.until(type="metrics")
        Membership.objects.get(user=acme.admin).delete()
        socket.rest()
        assert socket.code == 4403


def test_who_is_only_a_viewer_any_more_is_closed(web, acme):
    with web.socket("/ws/metrics", acme.admin) as socket:
        socket.until(type="metrics")
        membership = Membership.objects.get(user=acme.admin)
        membership.role = "viewer"
        membership.save()
        socket.rest()
        assert socket.code == 4403


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
