"""A sweep gets through, whatever one of the runs, the broker or another sweep does."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from kombu.exceptions import OperationalError

from runs.execution import reaper
from runs.execution.worker import execute_run
from runs.models import Run

LONG_AGO = timedelta(minutes=10)


@pytest.fixture
def lost(acme, worker_alive) -> list[Run]:
    """Three runs whose leases ran out."""
    runs = [acme.start_run() for _ in range(3)]
    QuerySet.update(Run.objects.all(), lease_until=timezone.now() - LONG_AGO)
    return runs


@pytest.fixture
def broker(monkeypatch) -> list[str]:
    """Ids of the runs of which a message was sent; an ``OperationalError`` in it is raised once."""
    sent: list = []

    def send(args: list[str], **options) -> None:
        if sent and isinstance(sent[-1], Exception):
            raise sent[-1]
        sent.append(args[0])

    monkeypatch.setattr(execute_run, "apply_async", send)
    return sent


def test_a_run_that_cannot_be_ended_keeps_no_other_from_its_end(lost, monkeypatch, caplog):
    finish = Run.finish

    def fail(run: Run, *args, **kwargs) -> None:
        if run.pk == lost[1].pk:
            raise ValueError("poison")
        finish(run, *args, **kwargs)

    monkeypatch.setattr(Run, "finish", fail)
    assert reaper.sweep()["worker_lost"] == 2
    assert [run.pk for run in Run.objects.active()] == [lost[1].pk]
    assert f"Run {lost[1].pk}, whose worker w was lost, could not be ended" in caplog.text
    assert f"Run {lost[0].pk}: worker w was lost" in caplog.text


def test_a_lease_that_is_renewed_meanwhile_is_kept(lost, monkeypatch):
    """Between the look for expired leases and the lock on a run its worker may have come back."""
    locked = Run.locked

    def renewed_first(run: Run):
        if run.pk == lost[1].pk:
            assert Run.objects.renew_lease(lost[1])
        return locked(run)

    monkeypatch.setattr(Run, "locked", renewed_first)
    assert reaper.sweep()["worker_lost"] == 2
    assert [run.pk for run in Run.objects.active()] == [lost[1].pk]


def test_a_broker_that_takes_no_message_is_asked_once_a_sweep(acme, broker, caplog):
    for _ in range(5):
        Run.objects.create(crew=acme.crew)
    QuerySet.update(Run.objects.all(), created_at=timezone.now() - LONG_AGO)
    broker.append(OperationalError("timed out"))
    assert reaper.sweep()["announced_again"] == 0
    assert caplog.text.count("the broker did not take its message (timed out)") == 1
    broker.clear()
    assert reaper.sweep()["announced_again"] == 5
    assert len(set(broker)) == 5


@pytest.mark.parametrize("ahead", [-LONG_AGO, LONG_AGO], ids=["behind", "ahead"])
def test_a_lost_message_is_sent_again_whatever_the_clock_of_the_web_process(acme, broker, ahead):
    run = Run.objects.create(crew=acme.crew)
    QuerySet.update(Run.objects.all(), created_at=timezone.now() + ahead)
    assert reaper.sweep()["announced_again"] == 1
    assert broker == [str(run.pk)]
    assert reaper.sweep()["announced_again"] == 0


def test_a_sweep_reads_the_active_runs_alone(acme, worker_alive, broker):
    """Two of 3,000: no statement of the sweep walks through the runs that are over."""
    over = timezone.now() - LONG_AGO
    plan = {"crew": "Acme crew", "agents": [], "tasks": []}
    ended = [
        Run(crew=acme.crew, plan=plan, status="succeeded", started_at=over, ended_at=over)
        for _ in range(3000)
    ]
    QuerySet.bulk_create(Run.objects.all(), ended)
    acme.start_run()
    Run.objects.create(crew=acme.crew)
    if connection.vendor == "postgresql":  # it does so by itself, SQLite never does
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as asked:
        reaper.sweep()
    looks = [query["sql"] for query in asked if 'FROM "runs_run"' in query["sql"]]
    assert len(looks) >= 3
    how = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    for look in looks:
        with connection.cursor() as cursor:
            cursor.execute(f"{how} {look}")
            plan = "\n".join(str(row) for row in cursor.fetchall())
        assert "Seq Scan on runs_run" not in plan, look
        assert not re.search(r"SCAN (runs_run|[UV]\d)\b", plan), (plan, look)
        assert "crew_id=?" not in plan, look  # all runs of a crew, most of which are over
