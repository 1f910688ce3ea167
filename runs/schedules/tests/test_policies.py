"""What happens when a run is under way at a fire time, and when no scheduler was running."""

from datetime import timedelta

import pytest
from django.utils import timezone

from runs.models import Run, TaskExecution, ToolExecution
from runs.schedules import firing
from runs.schedules.tests.conftest import DUE, HOUR, NOW, due_again, fires, outcomes

pytestmark = pytest.mark.django_db


class TestOverlap:
    def test_skip(self, acme, make_schedule):
        make_schedule(overlap="skip")
        run = acme.start_run()
        firing.fire_due(NOW)
        assert fires() == [("skipped", f"Run {str(run.pk)[:8]} was still running.")]
        assert Run.objects.count() == 1

    def test_a_run_that_has_ended_is_no_overlap(self, acme, make_schedule):
        make_schedule(overlap="skip")
        acme.start_run().finish("succeeded")
        firing.fire_due(NOW)
        assert outcomes() == ["started"]

    def test_queue_starts_one_after_the_other(self, acme, make_schedule):
        schedule = make_schedule(overlap="queue")
        run = acme.start_run()
        for hour in range(2):
            firing.fire_due(NOW + hour * HOUR)
        assert firing.start_waiting() == 0
        assert outcomes() == ["waiting", "waiting"]
        run.finish("succeeded")
        assert firing.start_waiting() == 1
        assert firing.start_waiting() == 0  # the run that it started is under way
        assert outcomes() == ["started", "waiting"]
        firing.fire_due(NOW + 2 * HOUR)
        assert outcomes() == ["started", "waiting", "waiting"]
        Run.objects.get(trigger="schedule").finish("cancelled")
        assert firing.start_waiting() == 1
        assert outcomes() == ["started", "started", "waiting"]
        assert schedule.fires.filter(run=None).count() == 1

    def test_queue_starts_one_although_another_scheduler_was_faster(
        self, acme, make_schedule, monkeypatch
    ):
        self.make_waiting(acme, make_schedule)
        self.meanwhile(monkeypatch, firing.start_waiting)
        assert firing.start_waiting() == 0
        assert outcomes() == ["started", "waiting"]
        assert Run.objects.active().count() == 1

    def test_queue_waits_for_a_run_that_has_just_begun(self, acme, make_schedule, monkeypatch):
        self.make_waiting(acme, make_schedule)
        self.meanwhile(monkeypatch, acme.start_run)
        assert firing.start_waiting() == 0
        assert outcomes() == ["waiting", "waiting"]
        Run.objects.active().get().finish("succeeded")
        assert firing.start_waiting() == 1

    def make_waiting(self, acme, make_schedule):
        """Two fire times wait, and no run is under way."""
        make_schedule(overlap="queue")
        run = acme.start_run()
        for hour in range(2):
            firing.fire_due(NOW + hour * HOUR)
        run.finish("succeeded")

    def meanwhile(self, monkeypatch, act):
        """Another process acts after the fire times were read, before the first one is taken."""
        acts, actor = [act], firing._actor

        def first(schedule):
            if acts:
                acts.pop()()
            return actor(schedule)

        monkeypatch.setattr(firing, "_actor", first)

    def test_a_full_queue_misses(self, acme, make_schedule):
        make_schedule(overlap="queue")
        acme.start_run()
        for hour in range(firing.WAITING_AT_MOST + 1):
            firing.fire_due(NOW + hour * HOUR)
        assert outcomes() == ["waiting"] * firing.WAITING_AT_MOST + ["missed"]
        assert "10 earlier fire times wait" in fires()[-1][1]

    def test_what_waits_is_missed_when_the_schedule_is_switched_off(self, acme, make_schedule):
        schedule = make_schedule(overlap="queue")
        acme.start_run()
        firing.fire_due(NOW)
        schedule.refresh_from_db()
        schedule.is_enabled = False
        schedule.save()
        firing.start_waiting()
        assert fires() == [("missed", "The schedule was switched off while it waited.")]

    def test_cancel_cancels_only_what_the_schedule_started(self, acme, make_schedule):
        make_schedule(overlap="cancel")
        by_person = acme.start_run()
        firing.fire_due(NOW)
        queued = Run.objects.get(trigger="schedule")
        firing.fire_due(NOW + HOUR)
        running = Run.objects.get(trigger="schedule", status="queued")
        running.start(worker="w")
        firing.fire_due(NOW + 2 * HOUR)
        states = dict(Run.objects.values_list("pk", "status"))
        assert (states[by_person.pk], states[queued.pk]) == ("running", "cancelled")
        running.refresh_from_db()
        assert (running.status, running.cancel_requested) == ("running", True)
        assert running.controls.get().by == "the schedule"
        assert outcomes() == ["started"] * 3

    @pytest.mark.parametrize("status", ["queued", "running"])
    @pytest.mark.parametrize("fault", ["deactivated", "no task", "used 2 of 1"])
    def test_cancel_cancels_nothing_if_no_run_can_start(self, acme, make_schedule, status, fault):
        make_schedule(overlap="cancel")
        firing.fire_due(NOW)
        run = Run.objects.get()
        if status == "running":
            run.start(worker="w")
        if fault == "no task":
            acme.crew.tasks.all().delete()
        elif fault == "used 2 of 1":
            spent = acme.start_run()
            task = TaskExecution.objects.start(run=spent, task=spent.plan["tasks"][0])
            for _ in range(2):
                ToolExecution.objects.start(task_execution=task, tool="script", params={})
            spent.finish("succeeded")
            acme.crew.budget_day_tool_calls = 1
            acme.crew.save()
        else:
            acme.crew.is_active = False
            acme.crew.save()
        firing.fire_due(NOW + HOUR)
        run.refresh_from_db()
        assert (run.status, run.cancel_requested) == (status, False)
        assert not run.controls.exists()
        assert outcomes() == ["started", "missed"]
        assert fault in fires()[-1][1]

    def test_runs_that_programs_report_do_not_count(self, acme, make_schedule):
        make_schedule(overlap="skip")
        Run.objects.create(
            crew=acme.crew, origin="reported", status="running",
            started_at=timezone.now(), lease_until=timezone.now(),
        )  # fmt: skip
        firing.fire_due(NOW)
        assert outcomes() == ["started"]


class TestMissed:
    def test_once_starts_one_run_for_all(self, acme, make_schedule):
        schedule = make_schedule(DUE - 5 * HOUR, missed="once")
        firing.fire_due(NOW + timedelta(minutes=10))
        assert Run.objects.count() == 1
        assert fires() == [
            ("started", "No scheduler was running at 6 fire times since 2026-06-01 07:00 UTC.")
        ]
        schedule.refresh_from_db()
        assert schedule.next_at == DUE + HOUR

    def test_never_starts_none(self, acme, make_schedule):
        make_schedule(DUE, missed="never")
        firing.fire_due(NOW + timedelta(minutes=10))
        assert not Run.objects.exists()
        assert fires() == [("missed", "No scheduler was running at 2026-06-01 12:00 UTC.")]

    @pytest.mark.parametrize("policy", ["once", "never"])
    def test_a_time_that_is_handled_on_time_starts_beside_those_that_were_missed(
        self, acme, make_schedule, policy
    ):
        make_schedule(DUE - 2 * HOUR, missed=policy)
        firing.fire_due(NOW)
        assert outcomes() == ["missed", "started"]
        assert "at 2 fire times" in fires()[0][1]
        assert Run.objects.count() == 1

    def test_up_to_the_grace_it_is_on_time(self, acme, make_schedule):
        schedule = make_schedule(missed="never")
        firing.fire_due(DUE + firing.GRACE)
        due_again(schedule, DUE + HOUR)
        firing.fire_due(DUE + HOUR + firing.GRACE + timedelta(seconds=1))
        assert outcomes() == ["started", "missed"]
