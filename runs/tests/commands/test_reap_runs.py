"""The command reap_runs: one sweep, and the loop."""

import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from unittest import mock

import pytest
from django.db import models
from django.utils import timezone

from runs.execution.stop_signal import StopSignal
from runs.management.commands import reap_runs
from runs.models import ReportedRun, Run
from runs.tests.commands.calling import run
from tests.live import Process, eventually


def test_one_sweep_ends_what_was_lost_and_nothing_else(acme, globex):
    lost, held = acme.start_run(), globex.start_run()
    past = timezone.now() - timedelta(seconds=1)
    models.QuerySet.update(Run.objects.filter(pk=lost.pk), lease_until=past)
    out, _ = run("reap_runs")
    assert out == "Ended as worker_lost: 1. Announced again: 0.\n"
    assert [Run.objects.get(pk=r.pk).status for r in (lost, held)] == ["failed", "running"]


def test_the_loop_sweeps_until_a_signal_stops_it(transactional_db, acme):
    process = Process("manage.py", "reap_runs", "--loop", REAPER_INTERVAL_S="0.1")
    eventually(lambda: "Sweeping every" in process.log.read_text(), within_s=30)
    for _ in range(2):
        lost = acme.start_run()
        past = timezone.now() - timedelta(seconds=1)
        models.QuerySet.update(Run.objects.filter(pk=lost.pk), lease_until=past)
        eventually(Run.objects.filter(pk=lost.pk, reason="worker_lost").exists)
    assert process.stop(signal.SIGTERM) == 0
    assert "Stopped" in process.log.read_text()


@pytest.fixture
def loop(transactional_db, monkeypatch, settings) -> Callable[..., None]:
    """Runs the loop. Each of its sweeps is one of these calls, and it stops after the last."""
    settings.REAPER_INTERVAL_S = 0.01

    class Stop(StopSignal):
        def listen(self) -> None:
            stops.append(self)

    def loop_with(*sweeps: Callable[[], object]) -> None:
        left = list(sweeps)

        def sweep() -> None:
            stops[0].received = len(left) == 1
            left.pop(0)()

        monkeypatch.setattr(reap_runs.reaper, "sweep", sweep)
        reap_runs.Command()._loop()

    stops: list[Stop] = []
    monkeypatch.setattr(reap_runs, "StopSignal", Stop)
    monkeypatch.setattr(reap_runs.retention, "RetentionThread", mock.Mock)
    monkeypatch.setattr(reap_runs.background, "make_registered", list)
    return loop_with


def test_the_loop_outlives_a_defect(loop, caplog):
    sweeps = mock.Mock(side_effect=[ValueError("poison"), None])
    loop(sweeps, sweeps)
    assert sweeps.call_count == 2
    assert "The sweep failed; it is repeated" in caplog.text


def test_after_a_jump_of_the_clock_workers_get_time_to_renew_their_leases(
    loop, monkeypatch, settings
):
    settings.RUN_HEARTBEAT_S = 0.5
    renew, clock, swept, renewals = mock.Mock(), time.time, [], []
    monkeypatch.setattr(ReportedRun.objects, "renew_all", renew)

    def sweep() -> None:
        swept.append(time.monotonic())
        renewals.append(renew.call_count)

    def jump() -> None:
        sweep()
        monkeypatch.setattr(time, "time", lambda: clock() + 100)

    loop(sweep, jump, sweep)
    assert swept[2] - swept[1] >= settings.RUN_HEARTBEAT_S
    assert renewals == [1, 1, 2]  # reporters were suspended, too


def test_the_loop_outlives_a_database_that_is_away(tmp_path):
    here, away = tmp_path / "here", tmp_path / "away"
    here.mkdir()
    database = {"DATABASE_URL": f"sqlite:///{here}/crewops.sqlite3"}
    migrated = Process("manage.py", "migrate", "--verbosity=0", **database)
    eventually(lambda: not migrated.running, within_s=60)
    with sqlite3.connect(here / "crewops.sqlite3") as connection:
        connection.execute(
            "INSERT INTO runs_worker (name, last_seen, tier) VALUES ('w', '2001-01-01 00:00:00', '')"
        )
    connection.close()
    here.rename(away)
    process = Process("manage.py", "reap_runs", "--loop", REAPER_INTERVAL_S="0.1", **database)
    eventually(lambda: "the database did not answer" in process.log.read_text(), within_s=30)
    away.rename(here)

    def forgotten() -> bool:
        with sqlite3.connect(here / "crewops.sqlite3") as connection:
            rows = connection.execute("SELECT * FROM runs_worker").fetchall()
        connection.close()
        return not rows

    eventually(forgotten)
    assert process.stop(signal.SIGTERM) == 0
