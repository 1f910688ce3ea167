"""The pages of a run's tools."""

from itertools import pairwise

import pytest

from runs.models import ToolExecution
from runs.pages import tool_pages
from runs.pages.run_page import RunPage
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
