"""What schedules start, what they leave out, and that each fire time is handled once."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from crews.deletion import delete_crew
from crews.models import AuditEntry
from runs.execution import removal, retention
from runs.models import Run
from runs.schedules import firing
from runs.schedules.models import Fire, Schedule
from runs.schedules.schedule_thread import Clock
from runs.schedules.tests.conftest import DUE, HOUR, NOW, due_again, fires, outcomes
from tests.live import eventually

pytestmark = pytest.mark.django_db


def test_it_starts_a_run_and_sets_the_next_time(acme, make_schedule):
    schedule = make_schedule()
    assert firing.fire_due(DUE - timedelta(seconds=1)) == 0
    assert firing.fire_due(NOW) == 1
    assert firing.fire_due(NOW) == 0
    run = Run.objects.get()
    assert (run.status, run.trigger, run.started_by) == ("queued", "schedule", None)
    fire = Fire.objects.unscoped().get()
    assert (fire.due_at, fire.outcome, fire.run) == (DUE, "started", run)
    schedule.refresh_from_db()
    assert schedule.next_at == DUE + HOUR


def test_the_run_is_requested_as_a_person_requests_it(acme, make_schedule, monkeypatch):
    """The workers get its message, and the audit trail says that the schedule did it."""
    sent = []
    monkeypatch.setattr("runs.execution.dispatch.announce", sent.append)
    monkeypatch.setattr("django.db.transaction.on_commit", lambda act, **kwargs: act())
    make_schedule()
    firing.fire_due(NOW)
    run = Run.objects.get()
    assert sent == [run]
    entry = AuditEntry.objects.unscoped().get(kind="run.started")
    assert (entry.object_id, entry.way) == (str(run.pk), "system")
    assert entry.actor_name == "schedule 0 * * * * UTC"


def test_limits_hold_for_its_runs(acme, make_schedule):
    acme.crew.max_active_runs = 1
    acme.crew.save()
    acme.start_run()
    make_schedule(overlap="cancel")  # does not cancel a run that a person started
    firing.fire_due(NOW)
    assert sorted(Run.objects.values_list("status", flat=True)) == ["queued", "running"]


@pytest.mark.parametrize("fault", ["deactivated", "no task"])
def test_a_crew_that_cannot_run_is_missed_with_the_reason(acme, make_schedule, fault):
    schedule = make_schedule()
    if fault == "deactivated":
        acme.crew.is_active = False
        acme.crew.save()
    else:
        acme.crew.tasks.all().delete()
    firing.fire_due(NOW)
    assert not Run.objects.exists()
    [(outcome, detail)] = fires()
    assert outcome == "missed"
    assert fault in detail
    schedule.refresh_from_db()
    assert schedule.next_at == DUE + HOUR  # the others are not missed for it


def test_deleted_crews_and_schedules_that_are_off_do_not_fire(acme, globex, make_schedule):
    make_schedule()
    make_schedule(crew=globex.crew, is_enabled=False)
    delete_crew(acme.crew)
    assert firing.fire_due(NOW) == 0
    removal.remove_deleted(removal.no_throttle)
    assert Schedule.objects.unscoped().count() == 1


def test_both_are_stored_or_neither(acme, make_schedule, monkeypatch):
    schedule = make_schedule()

    def fail(*args, **kwargs):
        raise OperationalError("the connection is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Fire, "end", fail)
        with pytest.raises(OperationalError):
            firing.fire_due(NOW)
    assert not Run.objects.exists()
    schedule.refresh_from_db()
    assert schedule.next_at == DUE
    assert firing.fire_due(NOW) == 1


def test_a_defect_shows_and_does_not_keep_the_others(acme, globex, make_schedule, monkeypatch):
    make_schedule(DUE - timedelta(seconds=1))
    make_schedule(crew=globex.crew)
    request = type(Run.objects.all()).request

    def fail(runs, *, crew, **kwargs):
        if crew == acme.crew:
            raise RuntimeError
        return request(runs, crew=crew, **kwargs)

    monkeypatch.setattr(type(Run.objects.all()), "request", fail)
    assert firing.fire_due(NOW) == 2
    assert fires() == [("missed", firing.FAULT), ("started", "")]


def test_a_defect_at_a_time_that_waits_does_not_keep_the_others(
    acme, globex, make_schedule, monkeypatch
):
    for tenant, at in ((acme, DUE - timedelta(seconds=1)), (globex, DUE)):
        make_schedule(at, crew=tenant.crew, overlap="queue").fires.create(
            due_at=at, outcome="waiting"
        )
    request, error = type(Run.objects.all()).request, OperationalError("the connection is gone")

    def fail(runs, *, crew, **kwargs):
        if crew == acme.crew:
            raise error
        return request(runs, crew=crew, **kwargs)

    monkeypatch.setattr(type(Run.objects.all()), "request", fail)
    with pytest.raises(OperationalError):
        firing.start_waiting()
    assert outcomes() == ["waiting", "waiting"]
    error = RuntimeError("a defect")
    assert firing.start_waiting() == 1
    assert fires() == [("missed", firing.FAULT), ("started", "")]
    assert firing.start_waiting() == 0


def test_an_edit_keeps_the_next_time_that_the_scheduler_has_set(acme, make_schedule):
    schedule = make_schedule()
    stale = Schedule.objects.unscoped().get(pk=schedule.pk)
    firing.fire_due(NOW)
    stale.overlap = "queue"
    stale.save()
    schedule.refresh_from_db()
    assert (schedule.overlap, schedule.next_at) == ("queue", DUE + HOUR)


def test_a_time_that_has_fired_does_not_fire_again(acme, make_schedule):
    schedule = make_schedule()
    firing.fire_due(NOW)
    due_again(schedule)
    assert firing.fire_due(NOW) == 0
    assert Run.objects.count() == 1
    schedule.refresh_from_db()
    assert schedule.next_at == DUE + HOUR


def test_edited_meanwhile_it_does_not_fire(acme, make_schedule):
    make_schedule()
    [read] = Schedule.objects.due(NOW)
    Schedule.objects.put(acme.crew, by=acme.admin, expression="30 3 * * *", zone="Asia/Tokyo")
    assert firing._fire(read, NOW) is None
    assert not Run.objects.exists()


def test_old_fire_times_are_removed_and_removed_runs_are_forgotten(acme, make_schedule):
    schedule = make_schedule(overlap="queue")
    firing.fire_due(NOW)
    run = Run.objects.get()
    firing.fire_due(NOW + HOUR)
    Fire.objects.unscoped().update(created_at=timezone.now() - timedelta(days=91))
    firing.fire_due(NOW + 2 * HOUR)
    run.finish("cancelled")
    removal.remove([run.pk])
    assert schedule.fires.get(outcome="started").run is None
    retention.clean()
    assert outcomes() == ["waiting", "waiting"]  # neither the one that waits nor the new one


@pytest.mark.django_db(transaction=True)
def test_several_schedulers_fire_each_time_once(acme, globex, make_schedule):
    for tenant in (acme, globex):
        make_schedule(crew=tenant.crew)
    begin = threading.Barrier(4)

    def look() -> None:
        begin.wait(10)
        try:
            for hour in range(5):
                firing.fire_due(NOW + hour * HOUR)
        except OperationalError:  # SQLite has one writer at a time
            assert connection.vendor == "sqlite"
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for hour in range(5):
        firing.fire_due(NOW + hour * HOUR)
    started = Fire.objects.unscoped().filter(outcome="started")
    assert started.count() == Run.objects.count() == 2
    assert Fire.objects.unscoped().count() == 10


@pytest.mark.django_db(transaction=True)
def test_the_clock_of_the_scheduler_fires_by_itself(acme, make_schedule):
    make_schedule(timezone.now())
    clock = Clock()
    clock.start()
    try:
        eventually(Run.objects.filter(trigger="schedule").exists)
    finally:
        clock.stop()
