"""Two organizations, and a server that writes down all it can."""

from collections.abc import Iterator

import pytest

from conftest import Tenant, make_tenant
from runs.models import Run, Worker
from tests.live import Web


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


@pytest.fixture(scope="session")
def talkative(django_db_setup) -> Iterator[Web]:
    """A live web process that logs everything; faults of ours would show in its log."""
    process = Web(LOG_LEVEL="DEBUG", SOCKETS_PER_USER="100")
    yield process
    assert process.running, process.log.read_text()
    process.stop()
