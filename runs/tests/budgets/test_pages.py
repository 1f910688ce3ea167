"""What pages, notifications and the terminal say about budgets."""

from decimal import Decimal
from urllib.parse import quote

import pytest
from django.urls import reverse
from django.utils import timezone

from crews.models import AuditEntry, Crew
from runs.events.encoding import iso_utc
from runs.models import Run, TaskExecution, ToolExecution
from runs.models.control import report_paused
from runs.notifications.models import Delivery
from runs.notifications.tests.conftest import make_target  # noqa: F401  a fixture
from runs.pages import budget_rows
from runs.pages.event_pages import EventPage
from runs.pages.run_outline import outline_of
from runs.tests.reporting.conftest import program, run_of  # noqa: F401  fixtures
from runs.tests.scene import client_of, get, page_of, work
from runs.tests.test_large_run import large_run
from runs.usage_format import budget_amount

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(acme) -> Run:
    return acme.start_run()


def test_the_page_shows_how_much_is_used(acme, run, limit):
    limit(run_tool_calls=4, run_usd=Decimal("2.5"), run_minutes=60)
    work(run, tools=2)
    run.refresh_from_db()
    run.crew.refresh_from_db()
    rows = {row.measure: row for row in budget_rows.rows_of_run(run, timezone.now())}
    calls = rows["tool_calls"]
    assert (calls.used, calls.limit, calls.percent) == ("2", "4", 50)
    usd = rows["usd"]
    assert (usd.used, usd.limit, usd.percent) == ("unknown", "2.5", None)
    assert usd.note == "The tools of a worker report no model calls."
    page = page_of(acme.viewer, run)
    assert 'aria-label="Tool calls used" aria-valuenow="50"' in page
    assert "The tools of a worker report no model calls." in page


def test_a_crew_without_limits_shows_no_budget(acme, run):
    assert 'id="run-budget"' not in page_of(acme.viewer, run)
    assert 'id="day-budget"' not in get(acme.viewer, f"/crews/{acme.crew.pk}/").content.decode()


def test_who_opens_a_shared_run_does_not_see_the_limits(acme, run, limit):
    limit(run_tool_calls=4)
    run.share(True)
    assert 'id="run-budget"' not in page_of(None, run)


def test_the_page_says_why_the_run_is_paused_and_what_to_do(acme, run, limit, look):
    limit(run_tool_calls=1, run_at_limit="pause")
    work(run, tools=2)
    look()
    report_paused(run, True)
    page = page_of(acme.admin, run)
    assert "The run has used 2 of 1 tool calls." in page
    assert "It goes on when the limit is raised, or when somebody resumes it." in page
    assert f'href="/crews/{acme.crew.pk}/edit/#budgets"' in page
    assert "has used 2 of 1 tool calls" in page  # in the list of events
    assert "Change the budget" not in page_of(acme.operator, run)
    limit(run_tool_calls=5)
    look()
    assert 'id="notice-budget"' not in page_of(acme.admin, run)


def test_the_events_of_a_large_run_have_each_alert_once(acme, limit, look):
    run = large_run(acme, tasks=40)
    begun = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    ToolExecution.objects.start(task_execution=begun, tool="script", params={})
    for number in (1, None, 1, None, Decimal("1")):
        limit(run_tool_calls=number)
        look()
    types = [entry.type for entry in EventPage(run, outline_of(run)).entries]
    assert types.count("budget_warning") == 3
    assert types.count("budget_exceeded") == 0


def test_a_moment_of_the_past_shows_what_had_happened(acme, run, limit, look):
    work(run, tools=2)
    before = iso_utc(timezone.now())
    limit(run_tool_calls=1, run_at_limit="pause")
    look()
    after = iso_utc(timezone.now())
    limit(run_tool_calls=5)
    look()
    page = get(acme.viewer, f"/runs/{run.pk}/live/?at={quote(before)}").content.decode()
    assert "has used 2 of" not in page
    page = get(acme.viewer, f"/runs/{run.pk}/live/?at={quote(after)}").content.decode()
    assert "has used 2 of 1 tool calls" in page
    assert 'id="notice-budget"' in page
    assert 'id="notice-budget"' not in page_of(acme.viewer, run)


def test_the_page_of_the_crew_shows_today(acme, run, limit):
    limit(day_tool_calls=10, zone="Europe/Berlin")
    work(run, tools=3)
    page = get(acme.viewer, f"/crews/{acme.crew.pk}/").content.decode()
    assert "Budget of today" in page
    assert "since midnight, Europe/Berlin" in page
    assert 'aria-label="Tool calls used" aria-valuenow="30"' in page


def test_a_notification_is_sent_once(acme, run, limit, look, make_target):  # noqa: F811
    make_target(kinds=["budget.alert"])
    limit(run_tool_calls=1)
    work(run, tools=2)
    look()
    look()
    event = Delivery.objects.get().event
    assert (event["type"], event["title"]) == (
        *("budget.alert", "Crew Acme crew has used more than a budget"),
    )
    assert "has used 2 of 1 tool calls." in event["text"]
    assert event["text"].endswith("is asked to cancel.")
    assert event["budget"] == {
        "level": "exceeded", "period": "run", "measure": "tool_calls", "limit": 1.0, "used": 2.0,
        "action": "cancel",
    }  # fmt: skip


def test_a_day_notifies_once_for_all_runs(acme, limit, look, make_target):  # noqa: F811
    make_target(kinds=["budget.alert"])
    limit(day_tool_calls=1, day_at_limit="pause")
    runs = [acme.start_run() for _ in range(3)]
    work(runs[0], tools=2)
    look()
    assert Delivery.objects.count() == 1
    limit(day_tool_calls=2)
    look()  # 100 % of the new limit
    assert Delivery.objects.count() == 2


def test_the_editor_saves_budgets_and_records_them(acme, limit):
    client = client_of(acme.admin)
    path = reverse("crew-edit", args=[acme.crew.pk])
    page = client.get(path)
    form = page.context["form"]
    sent = {"seen": form.draft.seen, "name": acme.crew.name, "is_active": "on", "action": "save"}
    for row in (*form.agents, *form.tasks):
        sent |= dict(row.hidden) | {field.id: field.value for field in row.fields}
        for step in row.steps:
            sent |= dict(step.hidden) | {field.id: field.value for field in step.fields}
    budget = {"budget_run_usd": "2.50", "budget_day_tokens": "1000000"}
    budget |= {"budget_run_at_limit": "pause", "budget_zone": "Europe/Berlin"}
    saved = client.post(path, sent | budget)
    assert saved.status_code == 302, saved.context["form"].summary
    crew = Crew.objects.get(pk=acme.crew.pk)
    assert (crew.budget_run_usd, crew.budget_day_tokens) == (Decimal("2.5"), 1_000_000)
    assert (crew.budget_run_at_limit, crew.budget_zone) == ("pause", "Europe/Berlin")
    entry = AuditEntry.objects.filter(kind="crew.edited").latest("pk")
    assert entry.changes["budget_run_usd"] == [None, "2.5"]
    page = client.get(path)
    assert 'name="budget_run_usd" id="budget_run_usd" value="2.5"' in page.content.decode()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("budget_run_usd", "0", "Write a number above 0. Leave it empty for no limit."),
        ("budget_run_tokens", "-5", "Write a number above 0. Leave it empty for no limit."),
        ("budget_day_usd", "2000000", "Write at most 1000000. Leave it empty for no limit."),
        ("budget_day_minutes", "525601", "Write at most 525600. Leave it empty for no limit."),
        ("budget_run_tokens", str(2**53), f"Write at most {2**53 - 1}."),
        ("budget_run_tool_calls", "9" * 40, "Write at most 1000000000."),
        ("budget_run_model_calls", "many", "A valid integer is required."),
        ("budget_run_usd", "NaN", "A valid number is required."),
        ("budget_run_usd", "1.00001", "no more than 4 decimal places"),
        ("budget_run_at_limit", "explode", "is not a valid choice"),
        ("budget_zone", "Mars/Olympus", "There is no time zone Mars/Olympus."),
    ],
)
def test_the_editor_says_beside_the_field_what_to_write(acme, name, value, message):
    path = reverse("crew-edit", args=[acme.crew.pk])
    answer = client_of(acme.admin).post(path, {"name": "Crew", "action": "save", name: value})
    assert answer.status_code == 400
    fields = [field for *_, fields in answer.context["form"].budgets for field in fields]
    errors = next(field.errors for field in fields if field.id == name)
    assert message in " ".join(errors)


@pytest.mark.parametrize(
    ("value", "measure", "text"),
    [
        ("1500", "tokens", "1,500 tokens"),
        ("2.5000", "usd", "2.5 USD"),
        ("0.0001", "usd", "0.0001 USD"),
        ("90.52", "minutes", "90.5 minutes"),
        ("100", "minutes", "100 minutes"),
        ("3", "tool_calls", "3 tool calls"),
    ],
)
def test_amounts_are_readable(value, measure, text):
    assert budget_amount(Decimal(value), measure) == text
