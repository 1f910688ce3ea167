"""The pages of a run's tools."""

from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from django.db import models

from crews.scoping import unscoped
from runs.models import Approval, Run, ToolExecution
from runs.pages import tool_pages
from runs.pages.run_outline import Outline
from runs.pages.run_page_data import RunPage
from runs.pages.run_window import Window
from runs.tests.scene import get
from runs.tests.test_run_page import begin

pytestmark = pytest.mark.django_db


@pytest.fixture
def called(acme, monkeypatch):
    """A run whose open task has called seven tools, and these."""
    monkeypatch.setattr(tool_pages, "AT_ONCE", 2)
    run = acme.start_run()
    task, first = begin(run)
    rest = [
        ToolExecution.objects.start(task_execution=task, tool="script", params={}) for _ in range(6)
    ]
    return run, [first, *rest]


def shown(page: RunPage) -> list[ToolExecution]:
    return [step.execution for step in page.tasks[0].steps if step.execution]


def test_a_run_with_few_tools_has_one_page(acme):
    run = acme.start_run()
    _, tool = begin(run)
    page = RunPage(run)
    assert shown(page) == [tool]
    assert not page.tool_pages.leaves_out


def test_the_newest_are_shown_first_and_the_older_pages_have_each_of_the_others_once(called):
    run, tools = called
    found, before = [], None
    while True:
        page = RunPage(run, window=Window(tools=before))
        assert page.tool_pages.leaves_out
        found = shown(page) + found
        before = page.tool_pages.older
        if before is None:
            break
    assert found == tools


def test_tools_that_started_at_the_same_time_are_on_one_page_each(called):
    run, tools = called
    at = tools[0].started_at
    for tool in tools:
        tool.started_at = at
        tool.save()
    found, before = [], None
    for _ in range(4):
        page = RunPage(run, window=Window(tools=before))
        found += shown(page)
        before = page.tool_pages.older
    assert before is None
    assert len(found) == len(set(found)) == 7


def test_the_page_of_a_tool_has_its_neighbours_on_both_sides(called):
    run, tools = called
    for tool, following in pairwise(tools):
        page = RunPage(run, window=Window(at=str(tool.pk)))
        assert shown(page) == [tool, following]
        assert page.shown_first == tool.pk


def test_the_address_of_a_page_of_tools_shows_it(acme, called):
    run, tools = called
    older = Window(tools=RunPage(run).tool_pages.older)
    content = get(acme.viewer, f"{run.get_absolute_url()}?{older.query()}").content.decode()
    ids = [f'id="tool-{tool.pk}"' in content for tool in tools]
    assert ids == [False, False, False, True, True, False, False]


@pytest.mark.parametrize("text", ["", "1", "2026-01-01", "~~", "2026-01-01T00:00:00+00:00~0~x"])
def test_any_other_text_shows_the_newest(acme, called, text):
    run, tools = called
    response = get(acme.viewer, f"{run.get_absolute_url()}?tools={text}")
    assert response.status_code == 200
    assert f'id="tool-{tools[-1].pk}"' in response.content.decode()


def test_a_time_that_no_database_stores_shows_the_newest(acme, called):
    run, tools = called
    for at in ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"):
        for query in (f"tools={at}~3~{tools[0].pk}", f"at={at}", f"events={at}~3~{tools[0].pk}"):
            assert get(acme.viewer, f"{run.get_absolute_url()}?{query}").status_code == 200


@pytest.fixture
def large(called, monkeypatch):
    run, tools = called
    monkeypatch.setattr(Outline, "is_large", True)
    return run, tools


def test_a_task_that_the_user_opens_shows_its_tools_beside_a_page_of_older_ones(acme, large):
    run, tools = large
    first = tools[0].task_execution
    first.finish("succeeded")
    second, own = begin(run, 1)
    at, opened = str(tools[3].pk), (str(second.task_id),)
    for window in (
        Window(at=at, opened=opened),
        Window(tools=tool_pages.cursor_of(tools[5]), at=str(first.task_id), opened=opened),
        Window(at=str(first.task_id), opened=opened),
    ):
        of = {row.task_id: row for row in RunPage(run, window=window).tasks}
        assert [step.execution for step in of[str(second.task_id)].steps] == [own]
        assert len([step for step in of[str(first.task_id)].steps if step.execution]) == 2


def test_each_refused_call_is_on_one_page_and_what_waits_on_the_newest(acme, large):
    run, tools = large
    task = tools[0].task_execution
    about = {"agent_id": task.agent_id, "tool": "script", "params": {}, "expires_after_s": 60}
    denied, waiting = (
        Approval.objects.request(id=uuid4(), run=run, task_id=task.task_id, **about)
        for _ in range(2)
    )
    denied.decide("denied", by="anna", seen=denied.seen)
    with unscoped():
        rows = models.QuerySet(Approval).filter(pk=denied.pk)
        rows.update(requested_at=tools[3].started_at + timedelta(microseconds=1))
    pages, before = [], None
    while not pages or before:
        page = RunPage(Run.objects.unscoped().get(pk=run.pk), window=Window(tools=before))
        pages.append([step.approval for step in page.tasks[0].steps if step.approval])
        before = page.tool_pages.older
    assert pages == [[waiting], [denied], [], []]
