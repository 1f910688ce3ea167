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


@pytest.fixture(
    params=[
        "/ws/runs/{run}",
        "/ws/mission",
        "/ws/graph?crew_id={crew}",
        "/ws/graph/{crew}",
        "/ws/graph",
    ]
)
def path(request, acme, run) -> str:
    """Each of the sockets."""
    return request.param.format(run=run.pk, crew=acme.crew.pk)
