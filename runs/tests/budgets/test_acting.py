"""What the scheduler does when a budget is nearly or wholly used: each thing once."""

from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from crews.models import AuditEntry
from runs.execution import budget_actions, controls
from runs.models import BudgetAlert, Control, InvalidState, Run
from runs.models.control import report_paused
from runs.tests.budgets.conftest import alerts, asked, events, started
from runs.tests.reporting.conftest import frames
from runs.tests.scene import work

pytestmark = pytest.mark.django_db
EXCEEDED = [("run", "tool_calls", "exceeded")]


@pytest.fixture
def run(acme) -> Run:
    return acme.start_run()


def test_a_run_within_its_budget_is_left_alone(run, limit, look):
    limit(run_tool_calls=10)
    work(run, tools=7)
    assert look() == 0
    assert (alerts(run), asked(run), events(run)) == ([], [], [])


def test_it_is_warned_once_at_eighty_percent(run, limit, look):
    limit(run_tool_calls=10)
    work(run, tools=8)
    assert look() == 1
    assert look() == 0
    assert alerts(run) == [("run", "tool_calls", "warning")]
    assert events(run) == ["budget_warning"]
    event = next(frame for frame in frames(run) if frame["type"] == "budget_warning")
    assert (event["period"], event["measure"], event["limit"], event["used"]) == (
        *("run", "tool_calls", 10, 8),
    )
    assert asked(run) == []


def test_a_run_that_uses_exactly_its_limit_goes_on(run, limit, look):
    limit(run_tool_calls=3)
    work(run, tools=3)
    look()
    assert (alerts(run), asked(run)) == ([("run", "tool_calls", "warning")], [])


def test_a_run_that_uses_more_is_cancelled_once(run, limit, look):
    limit(run_tool_calls=3)
    work(run, tools=4)
    assert look() == 1
    assert look() == 0
    assert alerts(run) == EXCEEDED
    assert asked(run) == [("cancel", "the budget", "requested")]
    assert events(run) == ["budget_exceeded", "control_requested"]
    run.refresh_from_db()
    assert run.cancel_requested
    event = next(frame for frame in frames(run) if frame["type"] == "budget_exceeded")
    assert (event["action"], event["used"]) == ("cancel", 4)
    entry = AuditEntry.objects.filter(kind="run.cancelled").get()
    assert entry.actor_name == "budget of Acme crew"


def test_two_schedulers_at_once_ask_once(run, limit):
    limit(run_tool_calls=1)
    work(run, tools=2)
    other = Run.objects.select_related("crew").get(pk=run.pk)
    now = timezone.now()
    assert budget_actions.apply_budgets(run, now)
    budget_actions.apply_budgets(other, now)  # it had looked before the first one acted
    assert asked(run) == [("cancel", "the budget", "requested")]
    assert BudgetAlert.objects.count() == 1


def test_two_budgets_at_once_ask_once_and_cancel_comes_first(run, limit, look):
    limit(run_tool_calls=1, run_minutes=1, run_at_limit="pause")
    limit(day_tool_calls=1, day_at_limit="cancel")
    started(run, 5)
    work(run, tools=2)
    look()
    assert len(alerts(run)) == 3
    assert asked(run) == [("cancel", "the budget", "requested")]


def test_a_run_that_has_ended_is_left_alone(run, limit, look):
    limit(run_tool_calls=1)
    work(run, tools=5)
    before = Run.objects.select_related("crew").get(pk=run.pk)
    run.finish("succeeded")
    assert look() == 0
    assert not budget_actions.apply_budgets(before, timezone.now())  # it had looked before the end
    assert asked(run) == []


def test_minutes_count_without_any_event(run, limit, look):
    limit(run_minutes=10)
    started(run, 7.9)
    assert look() == 0
    started(run, 8.1)
    look()
    assert alerts(run) == [("run", "minutes", "warning")]
    started(run, 10.1)
    look()
    assert asked(run) == [("cancel", "the budget", "requested")]


def test_the_time_of_a_pause_does_not_count(run, limit, look):
    limit(run_minutes=10)
    started(run, 60)
    controls.ask(run, "pause")
    report_paused(run, True)
    early = timezone.now() - timedelta(minutes=58)
    QuerySet.update(Control.objects.all(), requested_at=early, ended_at=early)
    assert look() == 0
    controls.ask(run, "resume")
    report_paused(run, False)
    assert look() == 0
    late = timezone.now() - timedelta(minutes=9)
    QuerySet.update(Control.objects.filter(action="resume"), requested_at=late, ended_at=late)
    look()
    assert [level for *_, level in alerts(run)] == ["exceeded"]


def test_a_run_that_is_being_cancelled_is_asked_for_nothing(run, limit, look):
    limit(run_tool_calls=1, run_at_limit="pause")
    work(run, tools=4)
    run.cancel()
    look()
    assert look() == 0
    assert [action for action, *_ in asked(run)] == ["cancel"]


def test_a_fault_with_one_run_does_not_keep_the_others(acme, limit, look, monkeypatch):
    limit(run_tool_calls=1)
    first, second = acme.start_run(), acme.start_run()
    work(first, tools=2)
    work(second, tools=2)
    apply_budgets = budget_actions.apply_budgets

    def fails(run: Run, now) -> bool:
        if run == first:
            raise RuntimeError("a fault")
        return apply_budgets(run, now)

    with monkeypatch.context() as patched:
        patched.setattr(budget_actions, "apply_budgets", fails)
        look()
    assert (asked(first), len(asked(second))) == ([], 1)
    look()
    assert len(asked(first)) == 1


def test_a_run_that_takes_no_more_controls_is_logged(run, limit, look, monkeypatch, caplog):
    limit(run_tool_calls=1, run_at_limit="pause")
    work(run, tools=2)

    def refuse(*args, **kwargs):
        raise InvalidState("The run has had 1000 controls.")

    monkeypatch.setattr(type(Control.objects), "ask", refuse)
    look()
    assert alerts(run) == EXCEEDED
    assert "cannot pause" in caplog.text
