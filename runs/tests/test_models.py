"""The verbs of runs, tasks and tools: what they do, refuse and may be repeated."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from crews.tracking import InvalidState
from runs.execution import reaper, run_queue
from runs.models import Run, TaskExecution, ToolExecution

pytestmark = pytest.mark.usefixtures("worker_alive")


@pytest.fixture
def run(acme) -> Run:
    return acme.start_run()


@pytest.fixture
def task(run) -> TaskExecution:
    return TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])


@pytest.fixture
def execution(task) -> ToolExecution:
    return ToolExecution.objects.start(task_execution=task, tool="script", params={})


def test_only_one_worker_claims_a_run(acme):
    Run.objects.create(crew=acme.crew)
    assert run_queue.claim(worker="a").worker == "a"
    assert run_queue.claim(worker="b") is None


def test_a_run_keeps_the_tier_of_the_worker_that_took_it(acme):
    run = Run.objects.create(crew=acme.crew)
    assert run.tools_tier == ""
    run_queue.claim(worker="a", tier="limits")
    run_queue.claim(worker="b", tier="namespaces")
    run.refresh_from_db()
    assert run.tools_tier == "limits"


def test_a_run_keeps_the_plan_it_was_asked_for_with(acme, run):
    acme.crew.tasks.all().delete()
    run.refresh_from_db()
    assert [task["name"] for task in run.plan["tasks"]] == ["Orion works", "Vega works"]


def test_a_run_does_not_start_twice(run):
    with pytest.raises(InvalidState, match="only a queued run starts"):
        run.start(worker="b")


def test_a_queued_run_is_cancelled_at_once_and_a_running_one_is_asked_to(acme, run):
    queued = Run.objects.create(crew=acme.crew)
    queued.cancel()
    run.cancel()
    run.cancel()
    assert (queued.status, queued.reason) == ("cancelled", "cancelled")
    assert (run.status, run.cancel_requested) == ("running", True)


def test_a_queued_run_cannot_succeed(acme):
    with pytest.raises(InvalidState, match="has not started"):
        Run.objects.create(crew=acme.crew).finish("succeeded")


@pytest.mark.parametrize("status", ["running", "queued", "done", ""])
def test_nothing_ends_as_what_is_no_end(run, task, execution, status):
    for end in (execution.end, task.finish, run.finish):
        with pytest.raises(InvalidState, match=f"{status!r}"):
            end(status)
    for end, ended in ((execution.end, "success"), (task.finish, "succeeded")):
        end(ended)
    run.finish("succeeded")
    assert (execution.status, task.status, run.status) == ("success", "succeeded", "succeeded")


def test_an_ended_task_starts_no_tool(task, execution):
    task.finish("failed", reason="tool_failed")
    task.finish("succeeded")
    assert (task.status, task.reason) == ("failed", "tool_failed")
    execution.refresh_from_db()
    assert execution.status == "error"
    with pytest.raises(InvalidState, match="is failed"):
        ToolExecution.objects.start(task_execution=task, tool="script", params={})


def test_an_ended_run_keeps_its_first_ending_and_starts_nothing(run):
    run.finish("succeeded")
    run.finish("failed", reason="late")
    run.cancel()
    assert (run.status, run.reason, run.cancel_requested) == ("succeeded", "", False)
    with pytest.raises(InvalidState, match="starts no task"):
        TaskExecution.objects.start(run=run, task=run.plan["tasks"][0])


def test_a_worker_that_lost_its_run_can_write_nothing_more(run, task, execution):
    Run.objects.get(pk=run.pk).finish("failed", reason="worker_lost")
    with pytest.raises(InvalidState, match="has ended"):
        execution.report(output="late")
    with pytest.raises(InvalidState, match="is failed"):
        ToolExecution.objects.start(task_execution=task, tool="script", params={})
    assert not Run.objects.renew_lease(run)


@pytest.mark.django_db(transaction=True)
class TestReports:
    """After a report that was committed the next one does not read the row again."""

    def test_a_tool_that_somebody_else_ended_is_not_reported_on(self, execution):
        execution.report(output="whole ")
        ToolExecution.objects.get(pk=execution.pk).end("error")
        with pytest.raises(InvalidState, match="has ended as error"):
            execution.report(output="late")
        with pytest.raises(InvalidState, match="has ended as error"):
            execution.report(output="later")
        assert execution.output == "whole "

    def test_a_tool_that_somebody_else_ended_is_not_saved_as_running(self, execution):
        ToolExecution.objects.get(pk=execution.pk).end("error")
        execution.message = "late"
        with pytest.raises(InvalidState, match="has ended as error"):
            execution.save()
        assert ToolExecution.objects.get(pk=execution.pk).message == ""

    def test_another_instance_may_report_in_between(self, execution):
        execution.report(output="one ")
        ToolExecution.objects.get(pk=execution.pk).report(message="by hand", output="two ")
        execution.report(output="three ")
        assert (execution.output, execution.message) == ("one two three ", "by hand")

    def test_what_was_rolled_back_is_reported_again(self, execution):
        execution.report(output="one ", offset=0)
        with transaction.atomic():
            execution.report(output="two ", offset=4)
            transaction.set_rollback(True)
        execution.report(output="two ", offset=4)
        assert execution.output == "one two "

    def test_what_is_there_is_not_added_again(self, execution):
        execution.report(output="one ", offset=0)
        execution.report(output="one two", offset=0)
        assert execution.output == "one two"


def test_progress_is_held_within_its_range(execution):
    execution.report(progress=7)
    assert execution.progress == 1.0
    execution.progress = 7
    with pytest.raises(IntegrityError), transaction.atomic():
        execution.save()


def test_the_database_states_that_an_ended_run_has_an_end(run):
    with pytest.raises(IntegrityError), transaction.atomic():
        models.QuerySet.update(Run.objects.filter(pk=run.pk), status="succeeded")


@pytest.mark.parametrize("refused", ["deactivated", "no task"])
def test_a_run_that_could_do_nothing_is_refused(acme, refused):
    if refused == "deactivated":
        acme.crew.is_active = False
        acme.crew.save()
    else:
        acme.crew.tasks.all().delete()
    with pytest.raises(InvalidState, match=refused):
        Run.objects.request(crew=acme.crew, user=acme.operator)


def test_the_same_key_of_the_same_user_is_the_same_run(acme):
    first = Run.objects.request(crew=acme.crew, user=acme.operator, idempotency_key="k")
    assert Run.objects.request(crew=acme.crew, user=acme.operator, idempotency_key="k") == first
    assert Run.objects.request(crew=acme.crew, user=acme.admin, idempotency_key="k") != first
    assert Run.objects.request(crew=acme.crew, user=acme.operator) != first


def test_a_sweep_ends_the_runs_of_lost_workers_and_no_others(acme, run, execution):
    held = acme.start_run()
    past = timezone.now() - timedelta(seconds=1)
    models.QuerySet.update(Run.objects.filter(pk=run.pk), lease_until=past)
    assert reaper.sweep()["worker_lost"] == 1
    run.refresh_from_db()
    execution.refresh_from_db()
    held.refresh_from_db()
    assert (run.status, run.reason) == ("failed", "worker_lost")
    assert execution.status == "error"
    assert held.status == "running"
    assert reaper.sweep()["worker_lost"] == 0


def test_a_sweep_announces_a_run_whose_message_was_lost(acme):
    run = Run.objects.create(crew=acme.crew)
    assert reaper.sweep()["announced_again"] == 0
    past = timezone.now() - timedelta(minutes=1)
    models.QuerySet.update(Run.objects.filter(pk=run.pk), created_at=past)
    assert reaper.sweep()["announced_again"] == 1
    assert reaper.sweep()["announced_again"] == 0
