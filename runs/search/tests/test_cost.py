"""What the index costs those who report, and a search those who wait for it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conftest import Tenant
from runs.models import Run, TaskExecution, ToolExecution
from runs.search import newest, sqlite
from runs.search.tests.scene import end_tool, found, index

pytestmark = pytest.mark.django_db


def statements(queries: CaptureQueriesContext) -> list[str]:
    """Those about the index."""
    return [query["sql"] for query in queries if "search_" in query["sql"]]


def test_reporting_a_tool_asks_nothing_of_the_index(acme: Tenant):
    run = acme.start_run()
    with CaptureQueriesContext(connection) as queries:
        task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
        tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
        tool.report(output="hello", progress=0.5)
        tool.end("success")
        task.finish("succeeded")
        run.finish("succeeded")
    assert len(queries) > 5
    assert statements(queries) == []


def test_requesting_a_run_writes_one_row(acme: Tenant):
    with CaptureQueriesContext(connection) as queries:
        Run.objects.request(crew=acme.crew)
    assert len(statements(queries)) == 1


def test_searching_one_run_asks_once_however_much_others_have_said_meanwhile(
    acme: Tenant, monkeypatch
):
    monkeypatch.setattr(sqlite, "CANDIDATES", 2)
    monkeypatch.setattr(newest, "NEWEST", 2)
    run, other = acme.start_run(), acme.start_run()
    first = end_tool(acme, "hello", run=run)
    for _ in range(9):
        end_tool(acme, "hello", run=other)
    last = end_tool(acme, "hello there", run=run)
    index()
    counts = []
    for text, found_ids in (("hello", [last, first]), ("there", [last])):
        with CaptureQueriesContext(connection) as queries:
            assert found(acme.viewer, text, run=run.pk) == [str(tool.pk) for tool in found_ids]
        counts.append(len(queries))
    assert max(counts) <= 8
