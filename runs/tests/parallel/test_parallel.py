"""Tasks of one run at the same time: helpers, their leases, and the controls of the run."""

from datetime import timedelta
from unittest import mock

import pytest
from django.db.models import QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError

from crews.models import ApprovalRule
from realtime.models import Event
from runs.execution import controls, helper_task, helper_wakeup, reaper
from runs.models import Approval, Control, Run, TaskExecution, ToolExecution
from runs.models.control import report_paused
from runs.tests.parallel.conftest import END_S, Work, meet, wait_for
from tests.live import eventually

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("worker_alive"),
]


def at_work(number: int) -> list[ToolExecution]:
    """Waits until so many tools are running."""
    running = ToolExecution.objects.filter(status="running")
    return eventually(lambda: len(found := list(running.all())) == number and found, END_S)


def types(run: Run) -> list[str]:
    return list(Event.objects.filter(stream_id=f"run:{run.pk}").values_list("type", flat=True))


def test_tasks_that_wait_for_no_other_run_at_the_same_time(crew_of, begin):
    crew_of(3, one=(meet("a", "b"), []), two=(meet("b", "c"), []), three=(meet("c", "a"), []))
    work = begin()
    assert work.end().status == "succeeded"
    assert types(work.run).count("task_start") == types(work.run).count("task_end") == 3
    assert types(work.run)[-1] == "done"
    assert types(work.run).count("agent_start") == types(work.run).count("agent_end") == 2


def test_no_more_run_at_once_than_the_crew_allows(crew_of, begin):
    tasks = {f"t{number}": ("sleep 0.1", []) for number in range(6)}
    crew_of(2, **tasks)
    work = begin()
    assert work.end().status == "succeeded"
    spans = list(work.run.task_executions.values_list("started_at", "ended_at"))
    for begun, _ in spans:
        assert sum(start <= begun < end for start, end in spans) <= 2


def test_a_task_that_becomes_ready_is_begun_beside_one_that_runs_on(crew_of, begin):
    crew_of(2, long=(wait_for("end"), []), first=("true", []), second=("touch end", ["first"]))
    assert begin().end().status == "succeeded"


def test_without_a_broker_one_process_does_it_all(crew_of, begin, monkeypatch):
    crew_of(3, one=("true", []), two=("true", []), three=("true", ["one", "two"]))
    work = begin()
    refusing = mock.Mock(side_effect=OperationalError("gone"))
    monkeypatch.setattr(helper_wakeup.broker, "producer", refusing)
    assert work.end().status == "succeeded"
    assert len(work.statuses()) == 3


def test_calls_that_come_twice_late_or_for_another_attempt_start_nothing(crew_of, begin):
    crew_of(2, one=(wait_for("end"), []), two=(wait_for("end"), []))
    work = begin()
    at_work(2)
    call = work.calls[0]
    helper_task.help_run.run(*call)
    helper_task.help_run.run(call[0], call[1] + 1)
    work.touch("end")
    assert work.end().status == "succeeded"
    helper_task.help_run.run(*call)
    assert TaskExecution.objects.count() == 2


def test_when_one_fails_the_other_goes_on_to_its_end_and_no_third_begins(crew_of, begin):
    crew_of(
        2, bad=(f"{wait_for('go')}; exit 3", []), good=(wait_for("end"), []), third=("true", [])
    )
    work = begin()
    at_work(2)
    work.touch("go")
    eventually(lambda: work.statuses()["bad"] == "failed", END_S)
    work.touch("end")
    run = work.end()
    assert (run.status, run.message[:12]) == ("failed", "bad. Step 1,")
    assert work.statuses() == {"bad": "failed", "good": "succeeded"}


def test_a_cancelled_run_ends_when_each_of_its_tasks_has(crew_of, begin):
    crew_of(3, one=("sleep 600", []), two=("sleep 600", []), three=("sleep 600", []))
    work = begin()
    at_work(3)
    control = controls.ask(work.run, "cancel")
    run = work.end()
    assert (run.status, {*work.statuses().values()}) == ("cancelled", {"cancelled"})
    assert Control.objects.get(pk=control.pk).status == "applied"
    assert not ToolExecution.objects.filter(status="running").exists()
    assert types(run)[-1] == "done"


def test_a_run_that_is_taken_away_stops_all_of_its_tasks(crew_of, begin):
    crew_of(2, one=(f"{wait_for('end')}; echo late", []), two=("sleep 600", []), three=("true", []))
    work = begin()
    at_work(2)
    Run.objects.get(pk=work.run.pk).finish("failed", reason="worker_lost")
    before = types(work.run)
    run = work.end()
    assert (run.status, run.reason, run.attempt) == ("failed", "worker_lost", 2)
    assert types(run) == before  # nobody wrote anything after the end
    assert {*work.statuses()} == {"one", "two"}


def test_a_helper_that_is_lost_ends_the_run(crew_of, begin):
    crew_of(2, one=("sleep 600", []), two=("sleep 600", []))
    work = begin()
    at_work(2)
    assert reaper.sweep()["worker_lost"] == 0
    helped = TaskExecution.objects.filter(lease_until__isnull=False)
    assert helped.count() == 1  # the process that holds the run has a lease on all of it
    with mock.patch.object(type(helped), "renew_lease", return_value=True):  # as if it hung
        QuerySet.update(helped, lease_until=timezone.now() - timedelta(minutes=1))
        assert reaper.sweep()["worker_lost"] == 1
        run = work.end()
    assert (run.status, run.reason) == ("failed", "worker_lost")
    assert not TaskExecution.objects.filter(lease_until__isnull=False).exists()


def test_a_helper_renews_the_lease_of_its_task_only(crew_of, begin, settings):
    settings.RUN_HEARTBEAT_S = 0.1
    crew_of(2, one=(wait_for("end"), []), two=(wait_for("end"), []))
    work = begin()
    at_work(2)
    before = TaskExecution.objects.get(lease_until__isnull=False)

    def renewed() -> bool:
        return TaskExecution.objects.get(pk=before.pk).lease_until > before.lease_until

    eventually(renewed, END_S)
    work.touch("end")
    assert work.end().status == "succeeded"


def test_a_fault_of_ours_in_a_helper_ends_the_run(crew_of, begin, monkeypatch):
    crew_of(2, one=("sleep 600", []), two=("sleep 600", []))
    monkeypatch.setattr(helper_task, "carry_out", mock.Mock(side_effect=ValueError("ours")))
    run = begin().end()
    assert (run.status, run.reason) == ("failed", "internal_error")


def test_a_pause_holds_every_task_and_a_late_call_starts_none(crew_of, begin):
    waits = wait_for("end")
    crew_of(3, one=(waits, []), two=(waits, []), three=("true", ["one"]))
    work = begin()
    at_work(2)
    pause = controls.ask(work.run, "pause")
    eventually(lambda: Control.objects.get(pk=pause.pk).status == "applied", END_S)
    assert list(work.run.task_executions.values_list("is_paused", flat=True)) == [True, True]
    work.touch("end")
    helper_task.help_run.run(str(work.run.pk), 1)
    assert work.run.task_executions.count() == 2
    controls.ask(work.run, "resume")
    assert work.end().status == "succeeded"


def test_a_resume_calls_for_what_could_not_begin_in_the_pause(crew_of, begin):
    crew_of(2, one=(wait_for("end"), []), two=("touch end", []))
    work = begin(answers=False)  # the first call is lost, so nothing else brings the second task
    at_work(1)
    pause = controls.ask(work.run, "pause")
    eventually(lambda: Control.objects.get(pk=pause.pk).status == "applied", END_S)
    work.answers = True
    controls.ask(work.run, "resume")
    assert work.end().status == "succeeded"
    assert len(work.calls) == 2


def test_a_run_is_paused_only_when_its_last_task_is(acme, crew_of):
    crew_of(2, one=("true", []), two=("true", []))
    run = acme.start_run()
    one, two = (TaskExecution.objects.start(run=run, task=task) for task in run.plan["tasks"])
    pause = controls.ask(run, "pause")
    assert not report_paused(run, True, one)
    assert Control.objects.get(pk=pause.pk).status == "requested"
    assert report_paused(run, True, two)
    assert Control.objects.get(pk=pause.pk).status == "applied"
    run.refresh_from_db()
    assert run.paused_at
    controls.ask(run, "resume")
    assert report_paused(run, False, two)
    controls.ask(run, "pause")
    assert not report_paused(run, True, None)  # the first has paused, the second is at work


def test_a_helper_waits_for_approval_and_the_others_go_on(acme, crew_of, begin):
    crew_of(2, one=("true", []), two=("true", []), three=(meet("x", "x"), []))
    ApprovalRule.objects.create(organization=acme.organization, crew=acme.crew, agent_id="vega")
    work = begin()
    asked = eventually(lambda: Approval.objects.pending().first(), END_S)
    eventually(lambda: work.statuses().get("three") == "succeeded", END_S)
    assert work.statuses()["two"] == "running"
    asked.decide("approved", by="acme-admin", seen=asked.seen)
    assert work.end().status == "succeeded"


def test_what_two_tasks_clone_at_once_is_noted_of_both(acme, crew_of):
    crew_of(2, one=("true", []), two=("true", []))
    run = acme.start_run()
    mine, theirs = Run.objects.get(pk=run.pk), Run.objects.get(pk=run.pk)
    for own in (mine, theirs, theirs):
        own.held_attempt = run.attempt
        Run.objects.add_remains(own, {"task_id": "1" if own is mine else "2", "path": "a"})
    run.refresh_from_db()
    assert [item["task_id"] for item in run.remains] == ["1", "2"]


def test_a_worker_carries_out_two_tasks_at_once(crew_of, acme, worker):
    """With real processes and real messages: see `conftest.worker`, which has two of them."""
    crew_of(2, one=(meet("a", "b"), []), two=(meet("b", "a"), []), last=("ls a b", ["one", "two"]))
    work = Work(Run.objects.request(crew=acme.crew))
    eventually(lambda: Run.objects.get().is_over, END_S)
    assert Run.objects.get().status == "succeeded", worker.log.read_text()
    assert {*work.statuses().values()} == {"succeeded"}
