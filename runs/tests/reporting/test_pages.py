"""Model calls, handoffs and totals of reported runs on their pages."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import models
from django.utils import timezone

from realtime.pages.crew_page import CrewPage, reported_edges
from realtime.tests.pages.scene import crew_path, get, queries, reported, text
from runs.events.encoding import iso_utc
from runs.models import Approval, Control, Handoff, ModelCall, Run, ToolExecution
from runs.pages.event_cursor import EventCursor
from runs.pages.event_pages import EventPage
from runs.pages.history import RANK
from runs.pages.run_page_data import RunPage
from runs.pages.run_page_records import REPORTED_AT_ONCE

pytestmark = pytest.mark.django_db
MOST_QUERIES = 18  # of a page, session and user included

AT_WORK = (
    {"type": "agent_start", "agent_id": "lead", "name": "Lead"},
    {"type": "agent_start", "agent_id": "orion", "name": "Orion", "parent_agent_id": "lead"},
    {"type": "task_start", "task_id": "t1", "agent_id": "orion", "name": "Fetch"},
    {"type": "llm_start", "call_id": "c1", "provider": "p", "model": "m-1", "task_id": "t1"},
)


def ended(number: int, **usage: object) -> tuple[dict, dict]:
    call = {"call_id": f"x{number}", "provider": "p", "model": "m-2"}
    return (
        {"type": "llm_start", "agent_id": "lead", **call},
        {"type": "llm_end", "call_id": f"x{number}", "status": "success", "duration_s": 0, **usage},
    )


def path(run: Run) -> str:
    return f"/runs/{run.pk}/"


def shown(run: Run, user, query: str = "") -> str:
    return text(get(user, path(run) + query))


def fact(page: str, name: str) -> str:
    """The value beside a name in the run's head, without markup."""
    value = page.split(f"<dt>{name}</dt><dd")[1].split(">", 1)[1].split("</dd>")[0]
    return " ".join(value.replace("<b>", "").replace("</b>", "").split())


def test_the_graph_has_edges_of_calls_between_agents_and_of_handoffs(acme):
    acme.crew.tasks.all().delete()
    run = reported(
        acme, *AT_WORK, {"type": "handoff", "from_agent_id": "orion", "to_agent_id": "vega"}
    )
    assert reported_edges([run.pk]) == [("lead", "orion"), ("orion", "vega")]
    graph = CrewPage(acme.crew).graph
    assert graph["edges"] == [("lead", "orion"), ("orion", "vega")]
    assert graph["tasks"] == [[], []]


def test_tasks_of_a_reported_run_make_no_edge(acme):
    acme.crew.tasks.all().delete()
    tasks = [{"type": "task_start", "task_id": a, "agent_id": a} for a in ("orion", "vega")]
    reported(acme, *tasks)
    assert CrewPage(acme.crew).graph["edges"] == []


def test_an_agent_with_an_open_model_call_thinks(acme):
    reported(acme, *AT_WORK)
    page = text(get(acme.viewer, crew_path(acme)))
    assert page.count('data-agent="orion" data-state="thinking"') == 2
    assert page.count(">m-1</a>") == 2


def test_the_run_page_shows_calls_in_its_lanes_and_events(acme):
    usage = {"input_tokens": 812, "output_tokens": 94, "cost_usd": 0.0034, "first_token_s": 0.4}
    handoff = {"type": "handoff", "from_agent_id": "lead", "to_agent_id": "orion", "message": "Go"}
    run = reported(acme, *AT_WORK, *ended(1, **usage), handoff)
    page = shown(run, acme.viewer)
    assert page.count('class="bar bar-call"') == 2
    assert 'data-note="812 in, 94 out, $0.0034, first token after 0.4 s"' in page
    assert page.count('data-kind="llm"') == 3  # one has not ended
    assert "hands over to Orion" in page
    calls = {str(call.pk): call for call in ModelCall.objects.filter(run=run)}
    for pk in calls:  # each bar leads to its line
        assert f'href="#event-llm_start-{pk}"' in page
        assert f'id="event-llm_start-{pk}"' in page
    lanes = {lane.agent_id: [bar.kind for bar in lane.bars] for lane in RunPage(run).timeline.lanes}
    assert lanes == {"lead": ["call"], "orion": ["task", "call"]}


def test_totals_are_sums_and_values_not_reported_are_unknown(acme):
    run = reported(acme, *ended(1, input_tokens=12_000, output_tokens=94, cost_usd=0.25), *ended(2))
    page = shown(run, acme.viewer)
    assert fact(page, "Model calls") == "2"
    assert fact(page, "Tokens").startswith("12.0k in, 94 out")
    assert "without 1 call" in fact(page, "Tokens")
    assert fact(page, "Cost").startswith("$0.25")
    assert "without 1 call" in fact(page, "Cost")
    assert "tokens unknown, cost unknown" in page


def test_totals_of_which_nothing_is_known(acme):
    page = shown(reported(acme, *ended(1)), acme.viewer)
    assert fact(page, "Tokens") == "unknown in, unknown out"
    assert fact(page, "Cost") == "unknown"


def test_the_crew_page_adds_up_its_runs(acme):
    for key, tokens in (("one", 800), ("two", 94)):
        reported(acme, *ended(1, input_tokens=tokens, output_tokens=1), key=key)
    page = text(get(acme.viewer, crew_path(acme)))
    assert fact(page, "Model calls") == "2"
    assert fact(page, "Tokens") == "894 in, 2 out"
    assert fact(page, "Cost") == "unknown"


def test_a_run_of_a_worker_shows_no_totals(acme, worker_alive):
    run = acme.start_run()
    assert "Model calls" not in shown(run, acme.viewer)


def test_an_agent_is_done_when_it_says_so_and_not_between_two_tasks(acme):
    task = [{"type": t, "task_id": "t1"} for t in ("task_start", "task_end")]
    events = ({"agent_id": "orion", **task[0]}, {"status": "succeeded", **task[1]})
    run = reported(acme, *events)
    assert "is done" not in shown(run, acme.viewer)
    ends = reported(
        acme, *events, {"type": "agent_end", "agent_id": "orion", "status": "succeeded"}, key="2"
    )
    assert "is done" in shown(ends, acme.viewer)


@pytest.fixture
def run_with_every_kind(acme) -> Run:
    """A run with an event of every kind that the list of events shows."""
    tool = {"execution_id": "x", "tool": "search", "task_id": "t1"}
    run = reported(
        acme,
        *AT_WORK,
        *ended(1),
        {"type": "tool_start", **tool},
        {"type": "tool_end", "execution_id": "x", "status": "success"},
        {"type": "handoff", "from_agent_id": "orion", "to_agent_id": "lead"},
        {"type": "task_end", "task_id": "t1", "status": "failed", "message": "It broke."},
        {"type": "agent_end", "agent_id": "orion", "status": "failed"},
    )
    control = Control.objects.ask(run, "cancel", by="somebody")
    control.acknowledge()
    control.end("applied")
    asked = {"agent_id": "lead", "tool": "search", "params": {}, "expires_after_s": 60}
    Approval.objects.request(id=uuid4(), run=run, **asked).expire()
    for level, action in (("warning", ""), ("exceeded", "cancel")):
        about = {"period": "run", "measure": "usd", "level": level, "limit": 5, "used": 5}
        run.budget_alerts.create(since=run.created_at, action=action, **about)
    return Run.objects.get(pk=run.pk)


@pytest.mark.parametrize("size", ["small", "large"])
def test_the_page_lists_events_of_every_kind(acme, run_with_every_kind, size):
    run = run_with_every_kind
    if size == "large":
        seen = {"events_seen": REPORTED_AT_ONCE + 1}
        models.QuerySet.update(type(run.reported).objects.filter(pk=run.pk), **seen)
        run = Run.objects.get(pk=run.pk)
    assert RunPage(run).is_large == (size == "large")
    lines = {*re.findall(r'class="sign" data-type="([^"]+)"', shown(run, acme.viewer))}
    missing = [kind for kind in RANK if kind not in lines]
    hint = "read its rows in runs/pages (FACTS of fact_events.py, or run_history.py for a small run"
    hint += " and event_pages.py for a large one), and make one in run_with_every_kind"
    assert not missing, f"the page of a {size} run has no line of {missing}: {hint}"


@pytest.fixture
def long_run(acme) -> Run:
    """A run of few tasks with 1,500 model calls, 300 handoffs and 300 tools in one of them."""
    task = {"type": "task_start", "task_id": "t1", "agent_id": "orion", "name": "Fetch"}
    tool = {"type": "tool_start", "execution_id": "x", "tool": "search", "task_id": "t1"}
    run = reported(acme, task, tool, *AT_WORK)
    began = timezone.now() - timedelta(hours=1)
    models.QuerySet.update(Run.objects.filter(pk=run.pk), created_at=began, started_at=began)
    models.QuerySet.update(type(run.reported).objects.filter(pk=run.pk), events_seen=2_000)
    at = [began + timedelta(seconds=n) for n in range(1_500)]
    second = timedelta(seconds=1)
    calls = [
        ModelCall(
            run=run,
            agent_id="orion",
            model="m",
            status="success",
            started_at=t,
            ended_at=t + second,
        )
        for t in at
    ]
    models.QuerySet.bulk_create(ModelCall.objects.all(), calls)
    handoffs = [Handoff(run=run, from_agent_id="lead", to_agent_id="orion", at=t) for t in at[:300]]
    models.QuerySet.bulk_create(Handoff.objects.all(), handoffs)
    models.QuerySet.update(run.task_executions.all(), started_at=began)
    of = run.task_executions.get()
    tools = [
        ToolExecution(
            task_execution=of, tool="search", status="success", started_at=t, ended_at=t + second
        )
        for t in at[:300]
    ]
    models.QuerySet.bulk_create(ToolExecution.objects.all(), tools)
    return Run.objects.get(pk=run.pk)


def test_a_run_of_many_calls_is_shown_in_parts(acme, long_run):
    assert RunPage(long_run).is_large
    for where in (path(long_run), f"{path(long_run)}live/", crew_path(acme)):
        queries(acme.viewer, where, at_most=MOST_QUERIES)
        assert len(get(acme.viewer, where).content) < 500_000
    page = shown(long_run, acme.viewer)
    assert 90 <= page.count('data-kind="llm"') <= 101
    assert page.count('class="bar bar-call"') < 101


def test_pages_of_events_have_each_call_and_handoff_once(long_run):
    record, place, found = RunPage(long_run), None, []
    while not found or place:
        page = EventPage(long_run, record.outline, place)
        assert page.entries
        found += [(entry.type, entry.id) for entry in page.entries]
        place = page.older and EventCursor.read(str(page.older))
    assert len(found) == len(set(found))
    types = [kind for kind, _ in found]
    counts = {kind: types.count(kind) for kind in ("llm_start", "llm_end", "handoff", "tool_end")}
    assert counts == {"llm_start": 1_501, "llm_end": 1_500, "handoff": 300, "tool_end": 300}


def test_a_link_to_an_old_call_of_a_long_run_shows_its_events(acme, long_run):
    first, middle = (long_run.calls.order_by("started_at")[number] for number in (0, 700))
    for call in (first, middle):
        address = f"{path(long_run)}?at={call.pk}"
        queries(acme.viewer, address, at_most=MOST_QUERIES + 2)
        page = shown(long_run, acme.viewer, f"?at={call.pk}")
        assert f'id="event-llm_start-{call.pk}"' in page
        assert f'id="event-llm_start-{call.pk}"' not in shown(long_run, acme.viewer)


def test_a_link_to_an_old_tool_of_a_long_run_shows_it_among_its_neighbours(acme, long_run):
    tools = ToolExecution.objects.filter(task_execution__run=long_run).order_by("started_at", "id")
    old = tools[100]
    page = shown(long_run, acme.viewer, f"?at={old.pk}")
    assert [f'id="tool-{tool.pk}"' in page for tool in tools].count(True) == 100
    assert f'id="tool-{old.pk}"' in page
    queries(acme.viewer, f"{path(long_run)}?at={old.pk}", at_most=MOST_QUERIES + 2)


def test_a_closed_task_of_a_long_reported_run_leads_to_its_tools(acme):
    tasks = [
        event
        for number in range(40)
        for event in (
            {"type": "task_start", "task_id": f"t{number}", "agent_id": "orion"},
            {
                "type": "tool_start",
                "execution_id": f"y{number}",
                "tool": "a",
                "task_id": f"t{number}",
            },
            {"type": "tool_end", "execution_id": f"y{number}", "status": "success"},
            {"type": "task_end", "task_id": f"t{number}", "status": "succeeded"},
        )
    ]
    run = reported(acme, *tasks)
    rows = {row.name: row for row in RunPage(run).tasks if row.is_closed}
    assert {row.step_count for row in rows.values()} == {1}
    assert len(rows) == 9  # of the ten on the last page, one is open


def test_a_short_reported_run_is_shown_whole(acme):
    run = reported(acme, *AT_WORK)
    assert not RunPage(run).is_large
    models.QuerySet.update(
        type(run.reported).objects.filter(pk=run.pk), events_seen=REPORTED_AT_ONCE + 1
    )
    assert RunPage(Run.objects.get(pk=run.pk)).is_large


def test_of_many_agents_those_that_think_have_a_lane(acme):
    tasks = [
        {"type": "task_start", "task_id": f"t{number}", "agent_id": f"a{number}"}
        for number in range(40)
    ]
    call = {"type": "llm_start", "call_id": "c1", "provider": "p", "model": "m"}
    run = reported(acme, *tasks, {**call, "agent_id": "a20"})
    record = RunPage(run)
    assert "a20" in record.lanes.shown
    assert len(record.lanes.shown) < 40
    lane = next(lane for lane in record.timeline.lanes if lane.agent_id == "a20")
    assert {bar.kind for bar in lane.bars} == {"task", "call"}


def test_a_name_that_comes_later_reaches_what_an_open_page_has(acme):
    events = (
        {"type": "agent_start", "agent_id": "lead"},
        {"type": "handoff", "from_agent_id": "lead", "to_agent_id": "billing"},
        {"type": "task_start", "task_id": "t1", "agent_id": "billing", "name": "Pay"},
        {"type": "task_end", "task_id": "t1", "status": "succeeded"},
    )
    run = reported(acme, *events)
    has = re.findall('data-version="([^"]+)"', get(acme.viewer, path(run)).content.decode())
    named = {"agent_id": "billing", "name": "Billing agent", "role": "Payer"}
    reported(acme, *events, {"type": "agent_start", **named})
    sent = get(acme.viewer, f"{path(run)}live/", headers={"X-Has": ",".join(has)}).content.decode()
    assert sent.count("Billing agent") == shown(run, acme.viewer).count("Billing agent")


def test_the_past_has_the_tools_that_had_come_though_later_ones_have_earlier_times(acme):
    """A reporter may send many events late, with times before those of the moment."""
    began = timezone.now() - timedelta(minutes=5)

    def tool(number: int, name: str) -> tuple[dict, dict]:
        at = (began + timedelta(seconds=number)).isoformat()
        about = {"execution_id": f"x{number}", "at": at}
        start = {"type": "tool_start", "tool": name, "task_id": "t1"}
        return about | start, about | {"type": "tool_end", "status": "success"}

    begun = ({"type": "task_start", "task_id": "t1", "agent_id": "a"}, *tool(0, "early"))
    run = reported(acme, *begun)
    moment = iso_utc(timezone.now())
    later = [event for number in range(1, 150) for event in tool(number, "late")]
    reported(acme, *begun, *later)
    page = get(acme.viewer, path(run), data={"at": moment}).content.decode()
    (early,) = ToolExecution.objects.filter(tool="early")
    assert re.findall('<details[^>]* id="tool-([^"]+)"', page) == [str(early.pk)]
