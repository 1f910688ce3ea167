"""What is kept for how long."""

import os
import threading
import time
from datetime import timedelta
from itertools import chain
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection, models
from django.db.models import QuerySet
from django.db.models.signals import post_delete, pre_delete
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conftest import Tenant
from crews.models import AuditEntry
from realtime import log
from realtime.log import pruning
from realtime.models import Event, Stream
from runs.execution import removal, retention
from runs.execution.stop_signal import StopSignal
from runs.management.commands import reap_runs
from runs.models import (
    AgentExecution,
    Approval,
    CallText,
    Control,
    Handoff,
    ModelCall,
    OutputChunk,
    ReportedRun,
    Run,
    SeenEvent,
    TaskExecution,
    ToolExecution,
    Trace,
    TraceSpan,
)
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
    active, old, recent = str(acme.start_run().pk), str(uuid4()), str(uuid4())
    for name in (old, recent, active):
        (workspaces / name).mkdir()
    for name in (old, active):
        os.utime(workspaces / name, (time.time() - 2 * DAY_S,) * 2)
    retention.clean()
    assert {path.name for path in workspaces.iterdir()} == {recent, active}


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
    monkeypatch.setattr(pruning, "BATCH", 2)
    before = timezone.now() + timedelta(seconds=1)
    everything = Event.objects.count()
    pruned = pruning.prune(older_than=before)
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


def test_the_sweep_goes_on_while_something_is_cleaned(transactional_db, monkeypatch, settings):
    """And the end of the process waits for a batch, not for the cleaning."""
    settings.REAPER_INTERVAL_S = 0.01
    began, sweeps, stops = threading.Event(), [], []

    def clean(throttle: removal.Throttle) -> None:
        began.set()
        while True:
            throttle(0.01)

    class Stop(StopSignal):
        def listen(self) -> None:
            stops.append(self)

    def sweep() -> None:
        sweeps.append(began.wait(60))
        stops[0].received = len(sweeps) == 3

    monkeypatch.setattr(retention, "clean", clean)
    monkeypatch.setattr(reap_runs, "StopSignal", Stop)
    monkeypatch.setattr(reap_runs.reaper, "sweep", sweep)
    reap_runs.Command()._loop()
    assert sweeps == [True] * 3
    assert "retention" not in {thread.name for thread in threading.enumerate()}


def test_the_cleaning_is_repeated_and_outlives_a_failure(monkeypatch):
    cleaned = []

    def clean(throttle: removal.Throttle) -> None:
        cleaned.append(throttle)
        if len(cleaned) == 1:
            raise ValueError("poison")
        if len(cleaned) == 3:
            raise retention.Stopped

    monkeypatch.setattr(retention, "clean", clean)
    monkeypatch.setattr(retention, "CLEANING_INTERVAL_S", 0.0)
    monkeypatch.setattr(retention.RetentionThread, "interval_s", 0.001)
    thread = retention.RetentionThread()
    thread.start()
    thread._thread.join(10)
    assert len(cleaned) == 3


def test_removing_runs_costs_as_many_statements_for_many_as_for_one(
    acme, globex, workspaces, settings, django_assert_num_queries
):
    settings.RUNS_RETENTION_DAYS = 30
    ended(acme, 31)
    with CaptureQueriesContext(connection) as one:
        retention.clean()
    for tenant in (acme, globex, acme, acme):
        ended(tenant, 31)
    with django_assert_num_queries(len(one)):
        retention.clean()
    assert not Run.objects.exists()
    entries = AuditEntry.objects.filter(kind="run.deleted")
    names = entries.values_list("organization_name", flat=True)
    assert sorted(names) == ["Acme"] * 4 + ["Globex"]


def test_a_retry_outlives_the_run_that_it_repeats(acme, workspaces, settings):
    settings.RUNS_RETENTION_DAYS = 30
    old = ended(acme, 31)
    retry = old.run_again(user=acme.operator)
    retention.clean()
    retry.refresh_from_db()
    assert retry.parent is None


def test_a_large_run_is_removed_alone(acme, monkeypatch):
    runs = [ended(acme, days) for days in (33, 32, 31)]
    monkeypatch.setattr(removal, "EXECUTIONS", 1)
    oldest_first = Run.objects.order_by("ended_at")
    batch = next(removal.batches(oldest_first))
    assert batch == [runs[0].pk]
    monkeypatch.setattr(removal, "EXECUTIONS", 2)
    assert next(removal.batches(oldest_first)) == [runs[0].pk, runs[1].pk]


def test_a_run_of_many_model_calls_is_removed_alone(acme, monkeypatch):
    runs = [ended(acme, days) for days in (33, 32)]
    QuerySet.update(Run.objects.filter(pk=runs[0].pk), model_calls=10)
    monkeypatch.setattr(removal, "EXECUTIONS", 10)
    assert next(removal.batches(Run.objects.order_by("ended_at"))) == [runs[0].pk]


def test_a_run_under_way_is_not_removed(acme):
    run = acme.start_run()
    assert removal.remove([run.pk]) == 0
    assert Run.objects.filter(pk=run.pk).exists()


# Models whose rows go with a run in another way: a receiver of `removal.removing`.
REMOVED_BY_RECEIVERS = {"Document", "Fire", "IndexJob"}


def models_of_a_run() -> set[type[models.Model]]:
    """The models that refer to a run, or to a record of a run that its removal deletes."""
    found, new = set(), {Run}
    while new:
        found |= new
        kept = {model for model in new if model.__name__ not in REMOVED_BY_RECEIVERS}
        new = {way.related_model for model in kept for way in model._meta.related_objects} - found
    return found - {Run}


def test_every_model_of_a_run_is_removed_with_it():
    """The removal deletes without Django's cascade, so it has to name each model."""
    rows = [model for model, _ in removal.ROWS]
    of_run = models_of_a_run()
    missing = {model.__name__ for model in of_run - {*rows}} - REMOVED_BY_RECEIVERS
    assert not missing, f"{sorted(missing)}: add it to ROWS in runs/execution/removal.py"
    assert of_run >= {*rows}
    assert {model.__name__ for model in of_run} >= REMOVED_BY_RECEIVERS
    assert len(rows) == len(set(rows))


def test_records_are_removed_before_those_that_they_refer_to():
    rows = [model for model, _ in removal.ROWS]
    for model in rows:
        others = {field.related_model for field in model._meta.concrete_fields} & {*rows}
        late = [other.__name__ for other in others if rows.index(other) < rows.index(model)]
        assert not late, f"{model.__name__}: move it before {late} in ROWS of removal.py"


def test_nothing_receives_the_deletion_of_a_record_that_is_removed_with_its_run():
    """The removal sends no signals of these."""
    receivers = {
        model.__name__: [
            receiver.__name__
            for signal in (pre_delete, post_delete)
            for receiver in chain(*signal._live_receivers(model))
        ]
        for model in (Run, *(model for model, _ in removal.ROWS))
    }
    assert receivers.pop("Run") == ["run_about_to_be_deleted", "run_deleted"]
    assert not any(receivers.values()), receivers


def test_a_reported_run_goes_with_all_that_belongs_to_it(acme):
    fields = {"source": "python", "started_at": timezone.now()}
    key, _ = acme.issue_key("report")
    reported = ReportedRun.objects.open(crew=acme.crew, api_key=key, key="one", **fields)
    SeenEvent.objects.create(run=reported.run, digest=b"0" * 16)
    AgentExecution.objects.create(run=reported.run, agent_id="orion", started_at=timezone.now())
    call = {"agent_id": "orion", "provider": "openai", "model": "gpt-5-mini"}
    call = ModelCall.objects.start(run=reported.run, id=uuid4(), at=timezone.now(), **call)
    call.keep(CallText.Part.INPUT, "Hello?")
    agents = {"from_agent_id": "orion", "to_agent_id": "vega"}
    Handoff.objects.create(run=reported.run, at=timezone.now(), **agents)
    task = {"task_id": uuid4(), "agent_id": "orion", "name": "Fetch", "order": 1}
    task = TaskExecution.objects.create(run=reported.run, started_at=timezone.now(), **task)
    tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
    tool.report(output="hello")
    asked = {"agent_id": "orion", "tool": "script", "params": {}, "expires_after_s": 60}
    Approval.objects.request(id=uuid4(), run=reported.run, **asked)
    control = Control.objects.ask(reported.run, "cancel", by="somebody")
    alert = {"period": "run", "measure": "usd", "level": "warning", "limit": 5, "used": 4}
    reported.run.budget_alerts.create(since=timezone.now(), control=control, **alert)
    trace = Trace.objects.create(run=reported, organization=acme.organization, trace_id="a" * 32)
    span = {"trace": trace, "span_id": "b" * 16, "received_at": timezone.now(), "node": {}}
    TraceSpan.objects.create(**span)
    rows = [model for model, _ in removal.ROWS]
    missing = [model.__name__ for model in rows if not model.objects.exists()]
    assert not missing, f"{missing}: make a row of each in this test"
    reported.run.finish("succeeded")
    assert removal.delete([reported.run.pk]) == 1
    removal.remove_deleted(removal.no_throttle)
    connection.check_constraints()
    kept = [model.__name__ for model in (Run, *rows) if model.objects.exists()]
    assert kept == []
