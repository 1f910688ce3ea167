"""What is kept for how long."""

import os
import time
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db.models import QuerySet
from django.utils import timezone

from conftest import Tenant
from realtime import log
from realtime.models import Event, Stream
from runs import retention
from runs.models import OutputChunk, Run
from runs.tests.scene import work

DAY_S = 24 * 3600


def ended(tenant: Tenant, days_ago: float) -> Run:
    """A run with some output that ended that long ago."""
    run = tenant.start_run()
    work(run, output="hello")
    run.finish("succeeded")
    QuerySet.update(
        Run.objects.filter(pk=run.pk), ended_at=timezone.now() - timedelta(days=days_ago)
    )
    return run


@pytest.fixture
def workspaces(settings, tmp_path):
    settings.WORKSPACES_DIR = tmp_path
    return tmp_path


def test_runs_are_kept_for_ever_unless_a_setting_says_how_long(acme, workspaces):
    run = ended(acme, days_ago=10_000)
    retention.clean()
    assert Run.objects.get() == run


def test_old_runs_go_with_all_that_belongs_to_them(acme, workspaces, settings):
    settings.RUNS_RETENTION_DAYS = 30
    old, recent, active = ended(acme, 31), ended(acme, 29), acme.start_run()
    QuerySet.update(
        Run.objects.filter(pk=active.pk), started_at=timezone.now() - timedelta(days=99)
    )
    call_command("reap_runs")
    assert set(Run.objects.all()) == {recent, active}
    assert not Stream.objects.filter(name=f"run:{old.pk}").exists()
    assert not Event.objects.filter(stream_id=f"run:{old.pk}").exists()
    assert log.read(f"run:{recent.pk}", 0)
    assert OutputChunk.objects.count() == 1


def test_old_workspaces_go_but_for_those_in_use(acme, workspaces, settings):
    settings.WORKSPACE_RETENTION_H = 24.0
    active = acme.start_run()
    for name in ("old", "recent", str(active.pk)):
        (workspaces / name).mkdir()
    for name in ("old", str(active.pk)):
        os.utime(workspaces / name, (time.time() - 2 * DAY_S,) * 2)
    retention.clean()
    assert {path.name for path in workspaces.iterdir()} == {"recent", str(active.pk)}


def test_events_are_pruned_where_a_setting_says_so(acme, workspaces, settings):
    run = ended(acme, 31)
    QuerySet.update(Event.objects.all(), created_at=timezone.now() - timedelta(days=31))
    retention.clean()
    assert log.read(f"run:{run.pk}", 0)
    settings.EVENTS_RETENTION_DAYS = 30
    retention.clean()
    assert not log.read(f"run:{run.pk}", 0)
    assert Run.objects.get() == run


def test_events_are_pruned_in_small_transactions_until_none_is_left(acme, monkeypatch):
    run = ended(acme, 31)
    events = Event.objects.filter(stream_id=f"run:{run.pk}").count()
    assert events > 3
    monkeypatch.setattr(log, "PRUNE_EVENTS", 2)
    before = timezone.now() + timedelta(seconds=1)
    everything = Event.objects.count()
    pruned = log.prune(older_than=before)
    kept = set(Event.objects.values_list("stream_id", flat=True))  # the newest of what is open
    assert pruned == everything - len(kept)
    assert kept == {f"graph:{acme.crew.pk}", f"mission:{acme.crew.pk}"}
    assert Stream.objects.get(name=f"run:{run.pk}").floor == events


def test_sessions_that_have_expired_go_and_others_stay(db, workspaces):
    for key, days in (("over", -1), ("good", 1)):
        expires = timezone.now() + timedelta(days=days)
        Session.objects.create(session_key=key, session_data="", expire_date=expires)
    retention.clean()
    assert [session.pk for session in Session.objects.all()] == ["good"]


def test_the_loop_cleans_at_once_and_then_once_an_hour(monkeypatch):
    moments = [1000.0, 1005.0, 4599.0, 4601.0, 4605.0]
    clock, cleaned = [], []
    monkeypatch.setattr(retention.time, "monotonic", lambda: clock[-1])
    monkeypatch.setattr(retention, "clean", lambda: cleaned.append(clock[-1]))
    housekeeping = retention.Housekeeping()
    for moment in moments:
        clock.append(moment)
        housekeeping.clean_if_due()
    assert cleaned == [1000.0, 4601.0]
