"""Runs with something to find, and the index brought up to date."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models.functions import Now

from conftest import Tenant
from runs.models import Run, TaskExecution, ToolExecution
from runs.search import indexing
from runs.search.finding import find
from runs.search.models import Document, IndexJob
from runs.search.query import Query, Search


def end_tool(
    tenant: Tenant, output: str = "", *, run: Run | None = None, **fields: Any
) -> ToolExecution:
    """A tool of a run's first task, ended; of a new run that goes on, if none is given."""
    run = run or tenant.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    values = {"tool": "script", "params": {}, "status": "success", "message": ""} | fields
    tool = ToolExecution.objects.start(
        task_execution=task, tool=values["tool"], params=values["params"]
    )
    if output:
        tool.report(output=output)
    tool.end(values["status"], message=values["message"])
    return tool


def index() -> int:
    """Index all that has ended. Returns the number of documents made."""
    IndexJob.objects.filter(is_backlog=False).update(due_at=Now())
    return indexing.index_due()


def found(user: User, text: str, **filters: Any) -> list[str]:
    """The ids of what the user finds."""
    size = filters.pop("size", 100)
    documents = find(user, Search(Query.parse(text), **filters), size=size)
    return [str(document.object_id) for document in documents]


def texts() -> list[str]:
    return list(Document.objects.order_by("-id").values_list("text", flat=True))
