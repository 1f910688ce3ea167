"""Runs to look at, and browsers to look at them with."""

from django.contrib.auth.models import User
from django.test import Client

from runs.models import Run, TaskExecution, ToolExecution


def client_of(user: User | None) -> Client:
    client = Client()
    if user:
        client.force_login(user)
    return client


def get(user: User | None, path: str):
    return client_of(user).get(path)


def page_of(user: User | None, run: Run, part: str = "") -> str:
    response = get(user, f"/runs/{run.pk}/{part}")
    assert response.status_code == 200
    return response.content.decode()


def work(run: Run, *, output: str = "", tools: int = 1) -> ToolExecution:
    """Begins the run's first task with so many tools at work, and returns the last of them."""
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    for _ in range(tools):
        tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    if output:
        tool.report(output=output)
    return tool


def fail(run: Run) -> ToolExecution:
    tool = work(run, output="Traceback …")
    tool.end("error", exit_code=3)
    tool.task_execution.finish("failed", message="It broke.")
    run.finish("failed", reason="task_failed", message="Orion works: it broke.")
    return tool


def fail_late(run: Run) -> None:
    """The run's first task succeeds; the run ends before the second begins."""
    tool = work(run)
    tool.end("success", exit_code=0)
    tool.task_execution.finish("succeeded")
    run.finish("failed", reason="internal_error")
