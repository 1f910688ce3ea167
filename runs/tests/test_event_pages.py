"""The pages of a large run's events: together they are all of its events, each once."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import unquote_plus

import pytest
from django.db import models
from django.utils import timezone

from runs.models import Run, TaskExecution, ToolExecution
from runs.pages.event_cursor import EventCursor
from runs.pages.event_pages import EVENTS_AT_ONCE, EventPage
from runs.pages.history import RANK, entries, id_of
from runs.pages.run_outline import outline_of
from runs.pages.timeline_lanes import LANES_AT_MOST, chosen_lanes
from runs.tests.test_large_run import large_run, page

pytestmark = pytest.mark.django_db


def pages(run: Run) -> list[list]:
    """All pages of events, the newest first."""
    found, place, outline = [], None, outline_of(run)
    while not found or place:
        current = EventPage(run, outline, place)
        found.append(current.entries)
        place = current.older and EventCursor.read(str(current.older))
    return found


def all_events(run: Run) -> list:
    tasks = list(run.task_executions.order_by("order"))
    tools = ToolExecution.objects.filter(task_execution__run=run).select_related("task_execution")
    return entries(run, tasks, tools.order_by("started_at"))


def keys(events: list) -> list[tuple]:
    return sorted((entry.at, entry.type, entry.id, entry.status) for entry in events)


def fill(run: Run, tasks: int, tools: int, *, step_s: float, lasts_s: float, tool_s: float) -> None:
    """Task executions that begin every ``step_s`` and overlap, each with tools that overlap."""
    began = timezone.now() - timedelta(hours=1)
    created = began - timedelta(seconds=1)
    models.QuerySet.update(Run.objects.filter(pk=run.pk), created_at=created, started_at=began)
    made = [
        TaskExecution(
            run=run, task_id=planned["task_id"], name=planned["name"], order=number,
            agent_id=planned["agent_id"], status="failed" if number % 7 == 3 else "succeeded",
            message="It failed." if number % 7 == 3 else "",
            started_at=began + timedelta(seconds=number * step_s),
            ended_at=began + timedelta(seconds=number * step_s + lasts_s),
        )
        for number, planned in enumerate(run.plan["tasks"][:tasks])
    ]  # fmt: skip
    models.QuerySet.bulk_create(TaskExecution.objects.all(), made)
    calls = [
        ToolExecution(
            task_execution=task, tool="script", status="success",
            started_at=task.started_at + timedelta(seconds=number // 3),  # three begin at a time
            ended_at=task.started_at + timedelta(seconds=number // 3 + tool_s),
        )
        for task in made
        for number in range(tools)
    ]  # fmt: skip
    if calls:
        models.QuerySet.bulk_create(ToolExecution.objects.all(), calls)


SHAPES = {
    "one after the other": (60, 20, {"step_s": 20, "lasts_s": 20, "tool_s": 1}),
    "at the same time": (40, 30, {"step_s": 0, "lasts_s": 30, "tool_s": 12}),
    "long tools": (70, 9, {"step_s": 2, "lasts_s": 90, "tool_s": 80}),
    "without tools": (90, 0, {"step_s": 1, "lasts_s": 1, "tool_s": 0}),
    "many tools in a task": (2, 400, {"step_s": 100, "lasts_s": 150, "tool_s": 3}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_all_pages_together_are_all_events_in_order(acme, shape):
    tasks, tools, times = SHAPES[shape]
    run = large_run(acme, 90)
    fill(run, tasks, tools, **times)
    run.refresh_from_db()
    run.finish("failed", reason="worker_lost", message="It is gone.")
    found = pages(run)
    together = [entry for current in reversed(found) for entry in current]
    assert keys(together) == keys(all_events(run))
    assert [entry.at for entry in together] == sorted(entry.at for entry in together)
    assert all(len(current) <= EVENTS_AT_ONCE + 2 for current in found)  # and the run's end
    assert [entry.type for entry in found[0][-2:]] == ["error", "done"]
    assert found[-1][0].type == "boot"


def test_a_page_has_links_to_older_events_and_back_to_the_newest(acme):
    run = large_run(acme, 40)
    fill(run, 20, 20, step_s=20, lasts_s=20, tool_s=1)
    newest = page(acme, run)
    assert "Newest</a>" not in newest
    link = unescape(re.search(r'href="\?([^"]*events=[^"]*)#run-events">Older', newest)[1])
    place = dict(part.split("=", 1) for part in link.split("&"))["events"]
    older = page(acme, run, events=unquote_plus(place), lanes=1)
    shown = [
        set(re.findall(r'id="(event-[^"]+)"', html)) - {"event-none"} for html in (newest, older)
    ]
    rows = [{name for name in names if "-tool_" in name} for names in shown]
    assert min(map(len, rows)) > 0
    assert not rows[0] & rows[1]
    assert re.search(r'href="\?lanes=1#run-events">Newest', older)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2026-01-01",
        "2026-01-01T00:00:00~1~x",
        "a~b~c",
        "~~",
        "2026-01-01T00:00:00+00:00~99~x",
        "2026-01-01T00:00:00+00:00~3~x",
        f"2026-01-01T00:00:00+00:00~{RANK.index('handoff')}~x",
    ],
)
def test_a_place_that_no_page_gave_is_none(acme, text):
    assert EventCursor.read(text) is None


def test_a_place_reads_as_it_was_written():
    for kind, id in (("agent_start", "a~b"), ("handoff", id_of(12))):
        place = EventCursor(timezone.now(), RANK.index(kind), id)
        assert EventCursor.read(str(place)) == place


def test_lanes_are_paged_in_the_order_of_the_plan(acme):
    agents = [f"a{n}" for n in range(2 * LANES_AT_MOST + 5)]
    recent = [("a7", "succeeded"), ("a44", "succeeded"), ("a3", "running")]
    assert {"a3", "a7", "a44"} < set(chosen_lanes(agents, recent).shown)
    assert chosen_lanes(agents, recent, 1).shown == tuple(agents[:LANES_AT_MOST])
    last = chosen_lanes(agents, recent, 99)
    assert (last.shown, last.first, last.last) == (tuple(agents[-5:]), 41, 45)
    assert chosen_lanes(agents[:5], recent, 3).are_all


def test_every_lane_of_a_large_run_can_be_looked_at(acme):
    run = large_run(acme, 60, agents=50)
    fill(run, 60, 1, step_s=1, lasts_s=1, tool_s=1)
    seen = set()
    for number in (1, 2, 3):
        html = page(acme, run, lanes=number)
        seen |= set(re.findall(r'id="lane-(a\d+)"', html))
    assert seen == {f"a{n}" for n in range(50)}
    assert "All agents</a>" in page(acme, run)
