"""Sockets whose record is deleted while they are open, on a live server."""

import time

import pytest

from realtime.log import streams
from realtime.models import Event, Stream
from tests.live import ENDED_S, eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_deleted_run_is_not_found_within_two_seconds(web, acme, run):
    other = acme.start_run()
    with (
        web.socket(f"/ws/runs/{run.pk}", acme.viewer) as socket,
        web.socket(f"/ws/runs/{other.pk}", acme.viewer) as beside,
    ):
        for each in (socket, beside):
            each.until(type="boot")
        stream = streams.run(run.pk)
        run.delete()
        deleted = time.monotonic()
        socket.rest()
        assert socket.code == 4404
        assert time.monotonic() - deleted < ENDED_S
        other.finish("cancelled", reason="cancelled")
        assert beside.until(type="done")
    assert not Stream.objects.filter(name=stream).exists()
    assert not Event.objects.filter(stream_id=stream).exists()
    assert Event.objects.filter(stream_id=streams.run(other.pk)).exists()


def test_a_shared_run_that_is_deleted_is_not_found_by_who_is_not_signed_in(web, acme, run):
    run.share(True)
    with web.socket(f"/ws/runs/{run.pk}") as socket:
        socket.until(type="boot")
        run.delete()
        socket.rest()
        assert socket.code == 4404


def test_a_deleted_crew_goes_from_mission_and_closes_its_graph(web, acme, globex, superuser):
    names = [streams.graph(acme.crew.pk), streams.mission(acme.crew.pk)]
    with (
        web.socket("/ws/mission", superuser) as mission,
        web.socket(f"/ws/graph/{acme.crew.pk}", acme.viewer) as graph,
    ):
        for _ in range(2):
            mission.until(type="signal")
        graph.until(type="snapshot")
        acme.crew.delete()
        assert mission.until(type="gone")[-1]["stream"] == names[1]
        graph.rest()
        assert graph.code == 4403
        globex.start_run()
        assert mission.until(type="signal")[-1]["crew_id"] == str(globex.crew.pk)
    # Nothing that was on its way has brought them back.
    eventually(lambda: not Stream.objects.filter(name__in=names).exists())
    assert Stream.objects.filter(name=streams.mission(globex.crew.pk)).exists()
