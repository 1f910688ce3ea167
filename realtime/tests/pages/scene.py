"""Helpers to load live pages, and data for them."""

import json
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runs.models import ReportedRun, Run, TaskExecution, ToolExecution
from runs.reporting import report_body, report_request

FRAGMENT = {"X-Fragment": "live"}
MOST_QUERIES = 18  # of a page, session and user included


def get(user, path: str, **kwargs):
    client = Client()
    if user:
        client.force_login(user)
    return client.get(path, **kwargs)


def queries(user, path: str, at_most: int | None = None) -> int:
    """The number of queries that the page takes. Fails with their SQL if it is too high."""
    client = Client()
    client.force_login(user)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    if at_most is not None and len(captured) > at_most:
        asked = "\n".join(query["sql"] for query in captured)
        pytest.fail(f"{path}: {len(captured)} queries, of at most {at_most}:\n{asked}")
    return len(captured)


def text(response) -> str:
    """The page without what differs each time it is served."""
    page = response.content.decode()
    return re.sub(r'(nonce|value|data-session)="[^"]+"', "", page)


def crew_path(tenant) -> str:
    return f"/crews/{tenant.crew.pk}/"


def reported(tenant, *events: dict, key: str = "nightly") -> Run:
    """A run of the tenant's crew that a program reports with these events."""
    boot = {"type": "boot", "crew": tenant.crew.slug, "name": "Nightly tickets"}
    sent = [{"run": key, "id": str(n)} | e for n, e in enumerate((boot, *events))]
    body = json.dumps(sent).encode()
    items = report_body.items_in(body, content_type=report_body.JSON, encoding="")
    answer = report_request.apply_events(tenant.issue_key("report")[0], items, timezone.now())
    assert answer.rejected == []
    return ReportedRun.objects.get(key=key).run


def tool_at_work(tenant, **report) -> ToolExecution:
    run = tenant.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    execution = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    execution.report(**report)
    return execution
