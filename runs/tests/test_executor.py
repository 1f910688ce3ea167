"""Carrying out a run with real tools: order, failure, going on, cancelling, a lost lease."""

import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs.execution import run_queue
from runs.execution.executor import execute, workspace_of
from runs.models import Run, TaskExecution, ToolExecution

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("worker_alive"),
]


def bash(code: str) -> list[dict]:
    return [{"tool": "script", "params": {"interpreter": "bash", "code": code}}]


@pytest.fixture
def carry_out(acme):
    """Carries out a run of the crew whose two tasks have these steps."""

    def run_with(first: list[dict], second: list[dict], **of_the_first) -> Run:
        for task, steps in zip(acme.crew.tasks.all(), (first, second), strict=True):
            task.steps = steps
            for name, value in of_the_first.items() if task.order == 0 else ():
                setattr(task, name, value)
            task.save()
        run = Run.objects.create(crew=acme.crew)
        execute(run_queue.claim(worker="w"))
        run.refresh_from_db()
        return run

    return run_with


def statuses(run: Run) -> list[str]:
    return list(run.task_executions.values_list("status", flat=True))


def test_tasks_follow_each_other_in_one_workspace(carry_out):
    run = carry_out(bash("echo made > x"), bash("cat x"))
    assert (run.status, statuses(run)) == ("succeeded", ["succeeded", "succeeded"])
    assert ToolExecution.objects.get(task_execution__order=1).output == "made\n"
    assert (workspace_of(run.pk) / "x").is_file()


def test_a_task_that_fails_ends_the_run(carry_out):
    run = carry_out(bash("exit 3"), bash("echo never"))
    assert (run.status, run.reason, statuses(run)) == ("failed", "task_failed", ["failed"])
    assert "Step 1, script" in run.message


def test_a_task_that_may_fail_does_not_end_the_run_but_fails_it(carry_out):
    run = carry_out(bash("exit 3"), bash("echo still"), continue_on_error=True)
    assert (run.status, statuses(run)) == ("failed", ["failed", "succeeded"])


def test_a_step_that_is_not_valid_any_more_says_why(carry_out):
    run = carry_out([{"tool": "script", "params": {"interpreter": "perl", "code": "1"}}], [])
    assert run.reason == "task_failed"
    assert "interpreter" in run.message
    assert "perl" in run.message


def test_a_number_that_was_stored_for_text_is_carried_out_as_its_text(carry_out):
    """The admin once accepted it. The code is the command ``5``, which is not there."""
    run = carry_out([{"tool": "script", "params": {"interpreter": "bash", "code": 5}}], [])
    assert "Step 1, script" in run.message
    assert "127" in run.message


@pytest.mark.parametrize("how", ["cancelled", "taken away"])
def test_a_run_that_is_stopped_from_outside_stops_its_tool(acme, carry_out, how):
    def stop() -> None:
        try:
            running = ToolExecution.objects.filter(status="running")
            while not running.exists():
                pass
            run = Run.objects.get()
            run.cancel() if how == "cancelled" else run.finish("failed", reason="worker_lost")
        finally:
            connection.close()

    thread = threading.Thread(target=stop)
    thread.start()
    run = carry_out(bash("echo begun; sleep 60"), bash("echo never"))
    thread.join()
    assert run.duration_s < 30
    assert TaskExecution.objects.count() == 1
    if how == "cancelled":
        assert (run.status, statuses(run)) == ("cancelled", ["cancelled"])
    else:
        assert (run.status, run.reason) == ("failed", "worker_lost")


def test_a_step_makes_no_savepoint(carry_out):
    """The start of a tool and its end are a transaction each."""
    with CaptureQueriesContext(connection) as few:
        carry_out(bash("true"), bash("true"))
    with CaptureQueriesContext(connection) as many:
        carry_out(bash("true") * 5, bash("true"))
    savepoints = [sum(q["sql"].startswith("SAVEPOINT") for q in asked) for asked in (few, many)]
    begun = [sum(q["sql"].startswith("BEGIN") for q in asked) for asked in (few, many)]
    assert savepoints[1] == savepoints[0]
    assert begun[1] == begun[0] + 2 * 4
