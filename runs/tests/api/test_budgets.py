"""``/api/runs/{id}/budget/`` and ``/api/crews/{id}/budget/``."""

from datetime import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from runs.tests.budgets.conftest import limit  # noqa: F401  a fixture
from runs.tests.scene import work

pytestmark = pytest.mark.django_db


def amount(measure: str, limit: float, used: float | None, level: str = "") -> dict:  # noqa: F811
    about = {"measure": measure, "limit": limit, "used": used}
    return about | {"level": level, "calls_left_out": 0}


def test_a_run_has_used_so_much_of_its_limits(acme, api, limit):  # noqa: F811
    limit(run_tool_calls=5, run_usd=Decimal("2.5"), run_at_limit="pause")
    run = acme.start_run()
    work(run, tools=4)
    answer = api(acme.viewer).get(f"/api/runs/{run.pk}/budget/")
    assert answer.json() == {
        "run_id": str(run.pk),
        "crew_id": str(acme.crew.pk),
        "at_limit": "pause",
        # The tools of a worker report no cost.
        "limits": [amount("usd", 2.5, None), amount("tool_calls", 5, 4, "warning")],
    }


def test_a_crew_has_used_so_much_of_its_day(acme, api, limit):  # noqa: F811
    limit(day_tool_calls=1, zone="Europe/Berlin")
    work(acme.start_run(), tools=2)
    budget = api(acme.viewer).get(f"/api/crews/{acme.crew.pk}/budget/").json()
    since = datetime.fromisoformat(budget.pop("since"))
    assert since == acme.crew.day_start(timezone.now())
    assert budget == {
        "crew_id": str(acme.crew.pk),
        "zone": "Europe/Berlin",
        "at_limit": "cancel",
        "new_run": "The crew has today used 2 of 1 tool calls. Runs start again after midnight "
        "(Europe/Berlin), or when an admin raises the limit.",
        "limits": [amount("tool_calls", 1, 2, "exceeded")],
    }


def test_without_limits_there_are_none(acme, api):
    run = acme.start_run()
    for path in (f"runs/{run.pk}", f"crews/{acme.crew.pk}"):
        assert api(acme.viewer).get(f"/api/{path}/budget/").json()["limits"] == []


def test_the_limits_of_a_shared_run_are_for_members(acme, globex, api, limit):  # noqa: F811
    limit(run_tool_calls=5)
    run = acme.start_run()
    run.share(True)
    assert api(globex.admin).get(f"/api/runs/{run.pk}/budget/").status_code == 404
    assert api(None).get(f"/api/runs/{run.pk}/budget/").status_code == 401
