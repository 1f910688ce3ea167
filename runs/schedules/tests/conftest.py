from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conftest import Tenant
from runs.schedules.models import Fire, Schedule

# A time that the tests are at. `make_schedule` makes schedules that are due then.
NOW = datetime(2026, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC)
DUE = NOW.replace(microsecond=0)
HOUR = timedelta(hours=1)


def fires() -> list[tuple[str, str]]:
    """Outcome and detail of each fire time, the oldest first."""
    return [(fire.outcome, fire.detail) for fire in Fire.objects.unscoped().order_by("due_at")]


def outcomes() -> list[str]:
    return [outcome for outcome, _ in fires()]


def due_again(schedule: Schedule, at: datetime = DUE) -> None:
    Schedule.objects.unscoped().filter(pk=schedule.pk).update(next_at=at)


@pytest.fixture
def make_schedule(acme: Tenant) -> Callable[..., Schedule]:
    """Makes a schedule of acme's crew, every hour, whose next fire time is ``next_at``."""

    def make(next_at: datetime = DUE, **fields: Any) -> Schedule:
        values = {"crew": acme.crew, "expression": "0 * * * *", "created_by": acme.admin}
        schedule = Schedule(**values | fields)
        schedule.save()
        if schedule.is_enabled:
            Schedule.objects.unscoped().filter(pk=schedule.pk).update(next_at=next_at)
        schedule.refresh_from_db()
        return schedule

    return make
