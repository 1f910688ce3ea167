"""What charts begin with: only the samples of one's own organizations, and gaps where none are."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from conftest import Tenant, make_tenant
from realtime.monitoring.history import history
from realtime.monitoring.samples import SHORT_S, keep

pytestmark = pytest.mark.django_db


@pytest.fixture
def globex() -> Tenant:
    return make_tenant("globex")


class TestHistory:
    @pytest.fixture
    def at(self, acme, globex) -> datetime:
        at = datetime.fromtimestamp(time.time() // SHORT_S * SHORT_S - 10 * SHORT_S, UTC)
        keep(at, SHORT_S, {
            None: {"events": 30, "slots": 4, "latency": {"receive": {"9": 3}}},
            acme.organization.pk: {"events": 10, "latency": {"receive": {"9": 1}}},
            globex.organization.pk: {"events": 20, "latency": {}},
        })  # fmt: skip
        keep(at + timedelta(seconds=SHORT_S), SHORT_S, {None: {"events": 5, "latency": {}}})
        return at

    def test_an_admin_gets_only_the_own_organizations(self, acme, globex, at):
        both = [acme.organization.pk, globex.organization.pk]  # whatever is asked for
        found = history(acme.admin, both, "hour")
        place = found["at"].index(int(at.timestamp()))
        assert found["figures"]["events"][place : place + 3] == [10, 0, None]
        assert "slots" not in found["figures"]
        assert found["latency_ms"]["receive"]["p95"][place] > 0
        assert found["latency_ms"]["receive"]["p95"][place + 1] is None
        # In samples of an older version a hop may be missing that this one measures.
        assert found["latency_ms"]["publish"]["p95"][place] is None

    def test_everything_is_for_superusers(self, acme, superuser, at):
        whole = history(superuser, None, "hour")
        assert whole["figures"]["events"][whole["at"].index(int(at.timestamp()))] == 30
        assert whole["figures"]["slots"][whole["at"].index(int(at.timestamp()))] == 4
        nothing = history(acme.admin, None, "hour")["figures"]["events"]
        assert set(nothing) == {None}

    def test_the_times_are_bounded(self, superuser):
        for span, samples in (("hour", 360), ("day", 720)):
            assert len(history(superuser, None, span)["at"]) == samples
