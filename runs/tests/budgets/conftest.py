"""A crew with budgets, and what the scheduler makes of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from conftest import Tenant
from runs.execution import budget_actions
from runs.models import BudgetAlert, Run
from runs.tests.reporting.conftest import Program, frames, program, run_of

__all__ = ["Program", "program", "run_of"]


@pytest.fixture
def limit(acme: Tenant) -> Callable[..., None]:
    """Sets limits of the crew: ``run_usd=5``; None removes one."""

    def limit(**limits: Any) -> None:
        acme.crew.refresh_from_db()
        for name, value in limits.items():
            setattr(acme.crew, f"budget_{name}", value)
        acme.crew.full_clean()
        acme.crew.save()

    return limit


@pytest.fixture
def look() -> Callable[..., int]:
    return budget_actions.check_all


def alerts(run: Run) -> list[tuple[str, str, str]]:
    """Period, measure and level of those that hold."""
    open_ones = BudgetAlert.objects.filter(run=run, cleared_at=None)
    return [(alert.period, alert.measure, alert.level) for alert in open_ones]


def asked(run: Run) -> list[tuple[str, str, str]]:
    """Action, asker and status of the run's controls, in order."""
    return [(c.action, c.by, c.status) for c in run.controls.order_by("requested_at")]


def events(run: Run) -> list[str]:
    """The kinds of the run's events that are about budgets and controls."""
    kinds = [frame["type"] for frame in frames(run)]
    return [kind for kind in kinds if kind.startswith(("budget", "control"))]


def started(run: Run, minutes_ago: float) -> None:
    """As if the run had begun so many minutes ago."""
    at = timezone.now() - timedelta(minutes=minutes_ago)
    QuerySet.update(Run.objects.filter(pk=run.pk), started_at=at, created_at=at)
