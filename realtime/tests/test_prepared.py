"""The statement that appends events, prepared or not."""

import pytest
from django.db import connection

from realtime.models import Event
from runs.models import TaskExecution, ToolExecution

pytestmark = pytest.mark.django_db(transaction=True)

REPORTS = 10
THRESHOLD = 2  # executions before a statement is prepared


def prepared() -> list[str]:
    """The statements that PostgreSQL has prepared for this connection. SQLite has none of its own."""
    if connection.vendor == "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [text for (text,) in cursor.fetchall()]


@pytest.mark.parametrize("is_on", [True, False])
def test_one_statement_is_prepared_for_the_reports_of_a_tool(acme, settings, is_on):
    is_on = is_on and connection.vendor == "postgresql"  # as the setting is
    settings.DATABASE_PREPARED_STATEMENTS = is_on
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    if connection.vendor == "postgresql":
        connection.connection.prepare_threshold = THRESHOLD
    for number in range(REPORTS):
        tool.report(message=f"{number}")
    statements = [text for text in prepared() if "json_to_recordset" in text or "VALUES" in text]
    assert len(statements) == is_on
    reported = Event.objects.filter(type="tool_progress").order_by("seq")
    assert len(reported) == REPORTS
    assert [f'"message":"{n}"' in event.body for n, event in enumerate(reported)] == [
        True
    ] * REPORTS
