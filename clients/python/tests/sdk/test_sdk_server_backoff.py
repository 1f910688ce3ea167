"""What a refusal means for calls that wait for approval: see `crewops_client.approvals`."""

import pytest

from crewops_client.notices import Notices
from crewops_client.server_backoff import ServerBackoff
from crewops_client.settings import Settings
from crewops_client.transport import Response


@pytest.fixture
def health() -> ServerBackoff:
    return ServerBackoff(Settings(url="http://localhost", api_key="k"), Notices())


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_a_server_that_never_answered_is_a_wrong_address_or_key(health, status):
    health.failed(Response(status))
    assert health.refusal


@pytest.mark.parametrize(("status", "is_refusal"), [(302, False), (404, False), (401, True)])
def test_a_proxy_may_answer_otherwise_while_the_server_is_replaced(health, status, is_refusal):
    health.taken({}, 1)
    health.failed(Response(status))
    assert bool(health.refusal) is is_refusal
    health.taken({}, 1)
    assert health.refusal == ""
