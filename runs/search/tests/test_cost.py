"""What the index costs those who report."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conftest import Tenant
from runs.models import Run, TaskExecution, ToolExecution

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
