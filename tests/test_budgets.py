"""Budgets, with the scheduler and a worker as processes: parallel tasks, a pause, an end."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from conftest import Tenant
from crews.models import Task
from runs.models import Run, ToolExecution
from runs.workspaces import workspace_of
from tests.live import Process, eventually

DONE_S = 90.0  # the start of both processes on a busy machine included
WAITS = "touch at-work; until [ -e go ]; do sleep 0.05; done"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def processes() -> Iterator[None]:
    with ExitStack() as ends:
        worker = ("-m", "celery", "-A", "crewops", "worker", "--concurrency", "2", "-n", "w@%h")
        ends.callback(Process(*worker).stop)
        ends.callback(Process("manage.py", "reap_runs", "--loop").stop)
        yield


def controls_of(run: Run) -> list[tuple[str, str, str]]:
    return [(c.action, c.by, c.status) for c in run.controls.order_by("requested_at")]


def test_a_budget_pauses_parallel_tasks_then_goes_on_and_ends_the_next_run(acme: Tenant, processes):
    crew = acme.crew
    crew.max_parallel, crew.budget_run_tool_calls, crew.budget_run_at_limit = 2, 1, "pause"
    crew.save()
    acme.give_steps({"tool": "script", "params": {"interpreter": "bash", "code": WAITS}})
    assert Task.objects.filter(crew=crew).count() == 2
    run = Run.objects.request(crew=crew, user=acme.operator)
    # Each of the two tasks has begun a tool: together they exceed the limit.
    eventually(lambda: controls_of(run) == [("pause", "the budget", "applied")], DONE_S)
    calls = ToolExecution.objects.filter(task_execution__run=run)
    assert [call.status for call in calls] == ["running", "running"]
    run.refresh_from_db()
    assert run.paused_at
    (workspace_of(run.pk) / "go").touch()  # what is stopped does not see it

    crew.budget_run_tool_calls, crew.budget_day_tool_calls = 2, 3
    crew.save()
    eventually(lambda: Run.objects.get(pk=run.pk).is_over, DONE_S)
    run.refresh_from_db()
    assert run.status == "succeeded"
    assert [control[:2] for control in controls_of(run)] == [
        ("pause", "the budget"),
        ("resume", "the budget"),
    ]

    # The day's budget has 1 call left, and the run begins 2.
    second = Run.objects.request(crew=crew, user=acme.operator)
    eventually(lambda: Run.objects.get(pk=second.pk).is_over, DONE_S)
    second.refresh_from_db()
    assert (second.status, second.reason) == ("cancelled", "cancelled")
    assert controls_of(second) == [("cancel", "the budget", "applied")]
