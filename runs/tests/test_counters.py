"""A run's counters say what its plan and its tasks say, whatever is done in whatever order."""

from contextlib import suppress

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import HELLO
from crews.models import Agent, Task
from crews.tracking import InvalidState
from runs.execution import reaper, run_queue
from runs.models import Run, TaskExecution, ToolExecution
from runs.tests.scene import fail, fail_late

TASKS = 4
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["start", "tool", "succeed", "fail", "save", "stale", "cancel", "end", "lose", "again"]
        ),
        st.integers(0, TASKS - 1),
    ),
    max_size=14,
)


def check(run: Run) -> None:
    run.refresh_from_db()
    tasks = run.task_executions.all()
    assert run.tasks_ended == sum(task.ended_at is not None for task in tasks)
    assert run.tasks_planned == len(run.plan["tasks"])
    assert run.crew_name == run.plan["crew"]


def act(run: Run, step: str, number: int) -> Run:
    """One of the things that happen to a run, by its verbs; returns the run to go on with."""
    begun = run.task_executions.filter(order=number).first()
    match step:
        case "start" if begun is None:
            TaskExecution.objects.start(run=run, task=run.plan["tasks"][number])
        case "tool" if begun:
            ToolExecution.objects.start(task_execution=begun, tool="script", params={})
        case "succeed" | "fail" if begun:
            begun.finish("succeeded" if step == "succeed" else "failed")
            begun.finish("failed")  # an ended task keeps its first ending
        case "save" if begun:
            begun.save()
        case "stale":
            run.message = "written by an instance that read the counters a while ago"
            run.save()
        case "cancel":
            run.cancel()
        case "end":
            run.finish("cancelled" if run.cancel_requested else "failed", reason="task_failed")
        case "lose":
            lost = Run.objects.filter(pk=run.pk, status="running")
            models.QuerySet.update(lost, lease_until="2020-01-01T00:00:00Z")
            reaper.sweep()
        case "again":
            return start(run.run_again(from_failed=True))
    return run


def start(run: Run) -> Run:
    return run_queue.claim(worker="w")


@pytest.fixture
def crew(acme):
    agent = acme.crew.agents.first()
    for order in range(2, TASKS):
        Task.objects.create(crew=acme.crew, agent=agent, name=f"T{order}", order=order, steps=HELLO)
    return acme.crew


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_counters_are_those_of_the_rows_after_any_sequence_of_verbs(crew, steps):
    run = start(Run.objects.request(crew=crew))
    for step, number in steps:
        with suppress(InvalidState):  # of an ended run or task: no counter may move
            run = act(run, step, number % len(run.plan["tasks"]))
        check(run)


def test_a_run_that_is_cancelled_before_it_starts_has_ended_no_task(acme):
    run = Run.objects.request(crew=acme.crew)
    run.cancel()
    check(run)
    assert (run.tasks_planned, run.tasks_ended) == (2, 0)


def test_a_lost_run_has_ended_the_task_that_was_at_work(acme):
    run = acme.start_run()
    TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    models.QuerySet.update(Run.objects.filter(pk=run.pk), lease_until="2020-01-01T00:00:00Z")
    assert reaper.sweep()["worker_lost"] == 1
    check(run)
    assert run.tasks_ended == 1


def test_a_resumed_run_counts_what_is_left_of_the_plan(acme):
    run = acme.start_run()
    fail_late(run)
    check(run)
    again = run.run_again(from_failed=True)
    check(again)


def test_a_task_that_two_instances_save_as_ended_counts_once(acme):
    run = acme.start_run()
    task = TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])
    other = TaskExecution.objects.get(pk=task.pk)
    task.finish("succeeded")
    other.status, other.ended_at = "succeeded", task.ended_at
    other.save()
    check(run)


def test_a_name_of_the_crew_and_its_tasks_are_those_of_the_time_of_the_request(acme):
    run = acme.start_run()
    acme.crew.name = "Renamed"
    acme.crew.save()
    Agent.objects.create(crew=acme.crew, name="New", slug="new")
    check(run)
    assert run.crew_name == "Acme crew"
    assert str(run).startswith("Acme crew ")


def test_recount_runs_fills_what_a_process_of_the_version_before_has_written(acme, capsys):
    runs = [acme.start_run(), acme.start_run()]
    fail(runs[0])
    models.QuerySet.update(Run.objects.all(), crew_name="", tasks_planned=0, tasks_ended=0)
    call_command("recount_runs")
    assert capsys.readouterr().out == "2 runs corrected.\n"
    for run in runs:
        check(run)
    assert [run.tasks_ended for run in runs] == [1, 0]
    call_command("recount_runs")
    assert capsys.readouterr().out == "0 runs corrected.\n"


def test_recounting_goes_through_all_runs_in_batches(acme, monkeypatch, capsys):
    monkeypatch.setattr("runs.counters.BATCH", 2)
    for _ in range(5):
        acme.start_run()
    models.QuerySet.update(Run.objects.all(), tasks_planned=0)
    call_command("recount_runs")
    assert capsys.readouterr().out == "5 runs corrected.\n"


def test_locking_a_run_does_not_read_its_plan_again(acme):
    run = acme.start_run()
    with CaptureQueriesContext(connection) as captured, run.locked():
        pass
    selected = [query["sql"] for query in captured if "SELECT" in query["sql"]]
    assert len(selected) == 1
    assert '"tasks_ended"' in selected[0]
    assert '"plan"' not in selected[0]
