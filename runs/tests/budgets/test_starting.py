"""A run that is requested after the budget of the day is used up."""

from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from crews.tracking import InvalidState
from runs.execution import controls, dispatch, run_queue, waits
from runs.models import BudgetAlert, Run
from runs.schedules import firing
from runs.schedules.tests.conftest import NOW, fires, make_schedule  # noqa: F401  a fixture
from runs.tests.budgets.conftest import alerts, asked, events
from runs.tests.scene import client_of, get, page_of, work

pytestmark = pytest.mark.django_db
REASON = "The crew has today used 2 of 1 tool calls."


@pytest.fixture
def use_up(acme, limit):
    """The crew has used 2 of 1 tool calls of today. Takes further limits."""

    def use_up(**limits) -> Run:
        limit(day_tool_calls=1, **limits)
        run = acme.start_run()
        work(run, tools=2)
        run.finish("succeeded")
        return run

    return use_up


def request(acme) -> Run:
    return Run.objects.request(crew=acme.crew, user=acme.operator)


def test_it_is_refused_with_the_reason_by_every_way(acme, api, use_up):
    ended = use_up(zone="Europe/Berlin")
    reason = f"{REASON} Runs start again after midnight (Europe/Berlin), or when an admin raises"
    with pytest.raises(InvalidState) as refusal:
        request(acme)
    assert str(refusal.value).startswith(reason)
    answer = api(acme.operator).post(f"/api/crews/{acme.crew.pk}/runs/")
    assert (answer.status_code, reason in answer.json()["detail"]) == (409, True)
    answer = api(acme.operator).post(f"/api/runs/{ended.pk}/retry/")
    assert (answer.status_code, reason in answer.json()["detail"]) == (409, True)
    shown = client_of(acme.operator).post(
        f"/crews/{acme.crew.pk}/runs/", {"idempotency_key": "k"}, follow=True
    )
    assert reason in shown.content.decode()
    assert not BudgetAlert.objects.exists()
    assert list(Run.objects.all()) == [ended]


def test_a_schedule_misses_its_time_with_the_reason(acme, use_up, make_schedule):  # noqa: F811
    use_up()
    make_schedule()
    assert firing.fire_due(NOW) == 1
    [(outcome, detail)] = fires()
    assert (outcome, REASON in detail) == ("missed", True)


def test_the_same_request_again_is_still_the_run_that_it_was(acme, use_up):
    asked_for = {"crew": acme.crew, "user": acme.operator, "idempotency_key": "once"}
    run = Run.objects.request(**asked_for)
    use_up()
    assert Run.objects.request(**asked_for) == run


def test_it_starts_again_when_the_limit_is_raised(acme, limit, use_up):
    use_up()
    limit(day_tool_calls=2)
    assert request(acme).status == "queued"


def test_exactly_the_limit_is_not_used_up(acme, limit, use_up):
    use_up()
    limit(day_tool_calls=2)
    assert asked(request(acme)) == []


def test_the_page_of_the_crew_says_so_before_anybody_presses_start(
    acme, limit, use_up, worker_alive
):
    use_up()
    page = get(acme.operator, f"/crews/{acme.crew.pk}/").content.decode()
    assert f'id="start-refusal">{REASON}' in page
    limit(day_at_limit="pause")
    page = get(acme.operator, f"/crews/{acme.crew.pk}/").content.decode()
    assert 'id="start-refusal"' not in page
    assert "A new run waits until midnight (UTC)" in page


def test_with_pause_it_waits_in_the_queue_and_takes_no_worker(acme, use_up, look):
    use_up(day_at_limit="pause")
    run = request(acme)
    assert events(run) == ["budget_exceeded", "control_requested"]
    assert asked(run) == [("pause", "the budget", "requested")]
    assert run_queue.claim(worker="w") is None
    assert look() == 0
    page = page_of(acme.viewer, run)
    assert "Paused in the queue." in page
    assert "It goes on with the next day" in page
    assert waits.Waits().of(run) is None
    assert "paused in the queue" in get(acme.viewer, "/runs/").content.decode()


@pytest.mark.parametrize("how", ["the next day", "another limit", "a person"])
def test_it_goes_on_with(
    acme, limit, use_up, look, how, monkeypatch, django_capture_on_commit_callbacks
):
    use_up(day_at_limit="pause")
    run = request(acme)
    announced = []
    monkeypatch.setattr(dispatch, "announce", announced.append)
    with django_capture_on_commit_callbacks(execute=True):
        if how == "the next day":
            look(timezone.now() + timedelta(days=1))
        elif how == "another limit":
            limit(day_tool_calls=100)
            look()
        else:
            controls.ask(run, "resume")
    assert announced == [run]
    assert asked(run)[1][0] == "resume"
    assert asked(run)[1][2] == "applied"
    assert run_queue.claim(worker="w") == run
    if how == "a person":
        assert alerts(run) == [("day", "tool_calls", "exceeded")]
        assert look() == 0


def test_no_worker_hears_of_a_run_that_is_paused_in_the_queue(acme):
    run, other = Run.objects.create(crew=acme.crew), Run.objects.create(crew=acme.crew)
    for each in (run, other):
        QuerySet.update(
            Run.objects.filter(pk=each.pk), created_at=timezone.now() - timedelta(minutes=5)
        )
    controls.ask(run, "pause")
    assert [each.pk for each in dispatch.waiting(timedelta(seconds=1))] == [other.pk]
    assert [each.pk for each in run_queue.startable(acme.organization.pk)] == [other.pk]
    assert waits.Waits().of(other).position == 1
