"""Two organizations on the live server. The first has a running run."""

import pytest

from conftest import Tenant, make_tenant
from runs.models import Run, Worker


@pytest.fixture
def acme(transactional_db) -> Tenant:
    Worker.objects.beat("w")
    return make_tenant("acme")


@pytest.fixture
def globex(acme) -> Tenant:
    return make_tenant("globex")


@pytest.fixture
def run(acme) -> Run:
    return acme.start_run()


WITH_STREAMS = [
    "/ws/runs/{run}",
    "/ws/mission",
    "/ws/graph?crew_id={crew}",
    "/ws/graph/{crew}",
    "/ws/graph",
]


@pytest.fixture(params=[*WITH_STREAMS, "/ws/live"])
def path(request, acme, run) -> str:
    """Each of the sockets."""
    return request.param.format(run=run.pk, crew=acme.crew.pk)


@pytest.fixture(params=WITH_STREAMS)
def path_of_streams(request, acme, run) -> str:
    """Each of the sockets whose path names their streams."""
    return request.param.format(run=run.pk, crew=acme.crew.pk)


@pytest.fixture
def live(web, acme):
    with web.socket("/ws/live", acme.viewer) as socket:
        assert socket.frame() | {"heartbeat_s": 0} == {
            "type": "hello", "stream": None, "epoch": None, "head": 0, "heartbeat_s": 0,
        }  # fmt: skip
        yield socket
