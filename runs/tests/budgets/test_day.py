"""The budget of a crew's day: all runs together, from midnight in the crew's time zone."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from runs.execution import budget_use, controls
from runs.models import BudgetAlert, Run, ToolExecution
from runs.models.control import report_paused
from runs.tests.budgets.conftest import alerts, asked, events
from runs.tests.scene import work

pytestmark = pytest.mark.django_db


def move(run: Run, by: timedelta) -> None:
    """As if the run, with its tool calls, had been at another time."""
    for rows, names in (
        (Run.objects.filter(pk=run.pk), ("created_at", "started_at", "ended_at")),
        (ToolExecution.objects.filter(task_execution__run=run), ("started_at",)),
    ):
        for row in rows:
            times = {name: at + by for name in names if (at := getattr(row, name))}
            QuerySet.update(rows.filter(pk=row.pk), **times)


def used(acme, measure: str = "tool_calls", now: datetime | None = None):
    acme.crew.refresh_from_db()
    return budget_use.use_of_day(acme.crew, [measure], now or timezone.now()).of(measure)


def test_the_runs_of_a_day_count_together_and_active_ones_are_cancelled(acme, limit, look):
    limit(day_tool_calls=5)
    first = acme.start_run()
    work(first, tools=4)
    first.finish("succeeded")
    second = acme.start_run()
    work(second, tools=2)
    assert used(acme) == 6
    look()
    assert (asked(first), asked(second)) == ([], [("cancel", "the budget", "requested")])
    assert alerts(second) == [("day", "tool_calls", "exceeded")]


def test_a_run_that_waits_does_not_start(acme, limit, look):
    limit(day_tool_calls=1)
    first = acme.start_run()
    run = Run.objects.request(crew=acme.crew, user=acme.operator)
    work(first, tools=2)
    first.finish("succeeded")
    look()
    run.refresh_from_db()
    assert (run.status, run.reason) == ("cancelled", "cancelled")
    assert events(run) == ["budget_exceeded", "control_requested", "control_applied"]
    assert look() == 0


def test_a_run_that_waits_is_not_warned(acme, limit, look):
    limit(day_tool_calls=2)
    first = acme.start_run()
    work(first, tools=2)
    first.finish("succeeded")
    run = Run.objects.request(crew=acme.crew, user=acme.operator)
    assert (look(), alerts(run)) == (0, [])


def test_the_next_day_resumes_what_the_day_has_paused(acme, limit, look):
    limit(day_tool_calls=1, day_at_limit="pause")
    run = acme.start_run()
    work(run, tools=2)
    look()
    report_paused(run, True)
    tomorrow = timezone.now() + timedelta(days=1)
    look(tomorrow)
    assert [action for action, *_ in asked(run)] == ["pause", "resume"]
    assert alerts(run) == []


def test_the_next_day_resumes_a_run_that_a_person_lets_exceed_its_own_budget(acme, limit, look):
    limit(run_tool_calls=1, run_at_limit="pause", day_tool_calls=3, day_at_limit="pause")
    run = acme.start_run()
    work(run, tools=2)
    look()
    report_paused(run, True)
    controls.ask(run, "resume")
    report_paused(run, False)
    work(run, tools=2)
    look()
    report_paused(run, True)
    look(timezone.now() + timedelta(days=1))
    assert [action for action, *_ in asked(run)] == ["pause", "resume", "pause", "resume"]
    assert alerts(run) == [("run", "tool_calls", "exceeded")]


def test_of_a_run_from_yesterday_only_the_calls_of_today_count(acme, limit):
    now = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
    run = acme.start_run()
    tool = work(run, tools=3)
    move(run, now - timedelta(hours=1) - run.created_at)
    QuerySet.update(ToolExecution.objects.filter(pk=tool.pk), started_at=now - timedelta(minutes=5))
    assert used(acme, now=now) == 1
    assert used(acme, "minutes", now) == 30
    assert used(acme, now=now - timedelta(minutes=40)) == 3  # all, as the run is of that day


def test_a_run_that_ended_before_today_does_not_count(acme, limit):
    run = acme.start_run()
    work(run, tools=3)
    run.finish("succeeded")
    move(run, -timedelta(days=2))
    assert (used(acme), used(acme, "minutes")) == (0, 0)


@pytest.mark.parametrize(
    ("zone", "begins"),
    [
        ("UTC", "2026-03-29T00:00+00:00"),
        ("Europe/Berlin", "2026-03-28T23:00+00:00"),  # the day on which clocks change
        ("America/New_York", "2026-03-28T04:00+00:00"),
        ("Africa/Cairo", "2026-03-28T22:00+00:00"),
        ("Pacific/Kiritimati", "2026-03-28T10:00+00:00"),
    ],
)
def test_the_day_begins_at_midnight_in_the_zone_of_the_crew(acme, limit, zone, begins):
    limit(zone=zone)
    now = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    assert acme.crew.day_start(now) == datetime.fromisoformat(begins)


def test_a_day_without_a_midnight_begins_when_clocks_have_changed(acme, limit):
    """In Cairo, clocks went from 23:59:59 to 1:00 on 24 April 2026."""
    limit(zone="Africa/Cairo")
    after = datetime(2026, 4, 24, 12, tzinfo=UTC)
    begins = acme.crew.day_start(after)
    assert begins <= datetime(2026, 4, 23, 22, tzinfo=UTC)
    assert acme.crew.day_start(begins - timedelta(seconds=1)) < begins


def test_a_zone_that_is_gone_is_utc(acme):
    acme.crew.budget_zone = "Europe/Nowhere"
    now = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    assert acme.crew.day_start(now) == datetime(2026, 3, 29, tzinfo=UTC)


def test_the_runs_of_another_crew_do_not_count(acme, globex, limit, look):
    limit(day_tool_calls=1)
    run, other = acme.start_run(), globex.start_run()
    work(other, tools=5)
    look()
    assert (asked(run), asked(other)) == ([], [])


def test_a_deleted_run_still_counts_until_its_rows_are_removed(acme):
    run = acme.start_run()
    work(run, tools=3)
    run.finish("succeeded")
    QuerySet.update(Run.objects.filter(pk=run.pk), deleted_at=timezone.now())
    assert used(acme) == 3


def test_every_active_run_is_asked_and_each_once(acme, limit, look):
    limit(day_tool_calls=1)
    runs = [acme.start_run() for _ in range(3)]
    work(runs[0], tools=2)
    look()
    look()
    assert [len(asked(run)) for run in runs] == [1, 1, 1]
    assert BudgetAlert.objects.count() == 3
