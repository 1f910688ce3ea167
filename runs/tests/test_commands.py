"""The commands run_crew, cancel_run, emit_events and reap_runs."""

import io
import json
import signal
import sqlite3
import time
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone

from realtime.models import Event
from runs.management.commands import run_crew
from runs.models import Run, ToolExecution
from runs.workspaces import workspace_of
from tests.live import Process, eventually


def run(command: str, *args: object, **options: object) -> tuple[str, str]:
    """What the command wrote to stdout and to stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command(command, *args, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def fail(crew, code: str = "exit 3") -> None:
    """Have the crew's first task fail."""
    task = crew.tasks.first()
    task.steps = [{"tool": "script", "params": {"interpreter": "bash", "code": code}}]
    task.save()


# -- run_crew -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["crew", "acme/crew", "{id}"])
def test_a_crew_is_found_by_id_and_slug_and_its_run_is_printed(acme, worker_alive, name):
    out, err = run("run_crew", name.format(id=acme.crew.pk))
    assert out == f"{Run.objects.get(crew=acme.crew).pk}\n"
    assert err == ""


def test_a_slug_of_two_organizations_is_refused_with_the_choices(acme, globex):
    with pytest.raises(CommandError, match="Write one of: acme/crew, globex/crew"):
        run("run_crew", "crew")
    assert not Run.objects.exists()
    run("run_crew", "globex/crew")
    assert Run.objects.get().crew == globex.crew


@pytest.mark.parametrize("name", ["nix", "globex/crew", "0b3c4d74-6a3c-4c84-9d38-6a1f6ad4ef6c"])
def test_an_unknown_crew_is_refused_with_the_choices(acme, name):
    with pytest.raises(CommandError, match=f"There is no crew '{name}'. There are: acme/crew"):
        run("run_crew", name)


def test_where_there_is_no_crew_it_says_how_to_get_some(db):
    with pytest.raises(CommandError, match="seed_demo"):
        run("run_crew", "demo")


def test_a_crew_that_cannot_start_says_why(acme):
    acme.crew.is_active = False
    acme.crew.save()
    with pytest.raises(CommandError, match="is deactivated"):
        run("run_crew", "crew")


def test_an_ended_run_is_run_again(acme, worker_alive):
    ended = acme.start_run()
    ended.finish("failed")
    out, err = run("run_crew", "--again", str(ended.pk))
    again = Run.objects.get(pk=out.strip())
    assert (again.parent, again.retry, err) == (ended, "again", "")
    workspace_of(ended).mkdir(parents=True)
    out, err = run("run_crew", "--again", str(ended.pk), "--from-failed")
    assert (Run.objects.get(pk=out.strip()).retry, err) == ("resumed", "")
    out, err = run("run_crew", "--again", str(ended.pk), "--from-failed")
    assert Run.objects.get(pk=out.strip()).retry == "restarted"
    assert "so the run starts over" in err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "required"),
        (["crew", "--again", "0b3c4d74-6a3c-4c84-9d38-6a1f6ad4ef6c"], "not allowed with"),
        (["--again", "0b3c4d74-6a3c-4c84-9d38-6a1f6ad4ef6c"], "There is no run 0b3c4d74"),
        (["--again", "crew"], "invalid UUID value"),
        (["crew", "--from-failed"], "say which run"),
    ],
)
def test_what_cannot_be_run_again_says_why(acme, arguments, why):
    with pytest.raises(CommandError, match=why):
        run("run_crew", *arguments)
    assert not Run.objects.exists()


def test_a_run_under_way_is_not_run_again(acme):
    under_way = acme.start_run()
    with pytest.raises(CommandError, match="Wait for its end"):
        run("run_crew", "--again", str(under_way.pk))


def test_without_a_worker_it_says_so_at_once_and_goes_on_waiting(acme, capsys):
    with pytest.raises(CommandError, match=r"is queued after 0\.4 s; it goes on"):
        call_command("run_crew", "crew", wait=True, timeout=0.4)
    assert "No worker is alive" in capsys.readouterr().err


def test_ctrl_c_leaves_the_run_alone(acme, worker_alive, monkeypatch):
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_crew.time, "sleep", interrupted)
    with pytest.raises(CommandError, match="goes on") as error:
        run("run_crew", "crew", wait=True)
    assert error.value.returncode == 130
    assert Run.objects.get().status == "queued"


def test_waiting_for_a_run_tells_what_happens_and_ends_well(worker, acme):
    out, err = run("run_crew", "crew", wait=True, timeout=60)
    pk = Run.objects.get().pk
    assert out == f"{pk}\n"
    assert "orion: Orion works" in err
    assert "  script: success" in err
    assert f"Run {pk} succeeded after" in err


def test_waiting_for_a_run_that_fails_says_why(worker, acme):
    fail(acme.crew)
    with pytest.raises(CommandError) as error:
        run("run_crew", "crew", wait=True, timeout=60)
    assert error.value.returncode == 1
    assert "task_failed. Orion works. Step 1, script: The script ended with" in str(error.value)
    assert "script (orion, Orion works): error, exit code 3." in str(error.value)


def test_waiting_for_a_run_that_is_cancelled_ends_badly(worker, acme):
    fail(acme.crew, code="sleep 60")
    process = Process("manage.py", "run_crew", "crew", "--wait")
    eventually(ToolExecution.objects.filter(status="running").exists)
    Run.objects.get().cancel()
    eventually(lambda: not process.running)
    assert process.stop() == 1
    assert "cancelled" in process.log.read_text()


# -- emit_events ----------------------------------------------------------------------------------


def test_a_synthetic_run_is_whole_and_its_progress_tells_the_time(transactional_db, acme):
    before = time.time_ns()
    out, _ = run("emit_events", crew="crew", rate=40, seconds=1)
    pk, told = out.splitlines()
    synthetic = Run.objects.get(pk=pk)
    assert synthetic.status == "succeeded"
    assert synthetic.announced_at is None  # so no worker was told of it
    assert [t.status for t in synthetic.task_executions.all()] == ["succeeded", "succeeded"]
    messages = _messages(acme.crew.pk)
    assert told.startswith(f"succeeded: {len(messages)} tool_progress events in 1.")
    assert 20 <= len(messages) <= 40
    times = [int(message.removeprefix("t=").split()[0]) for message in messages]
    assert before < times[0]
    assert times == sorted(set(times))


def test_a_rate_beyond_the_databases_ends_in_time(transactional_db, acme):
    begun = time.monotonic()
    run("emit_events", crew="crew", rate=1_000_000, seconds=0.5)
    assert time.monotonic() - begun < 10
    assert Run.objects.get().status == "succeeded"


def test_ctrl_c_cancels_a_synthetic_run(transactional_db, acme):
    process = Process("manage.py", "emit_events", "--crew=crew", "--seconds=60")
    eventually(lambda: _messages(acme.crew.pk), within_s=30)
    assert process.stop(signal.SIGINT) == 130
    assert "cancelled: " in process.log.read_text()
    assert Run.objects.get().status == "cancelled"


def test_a_synthetic_run_is_cancelled_like_any_other(transactional_db, acme):
    process = Process("manage.py", "emit_events", "--crew=crew", "--seconds=60", "--rate=0.1")
    eventually(ToolExecution.objects.filter(status="running").exists, within_s=30)
    Run.objects.get().cancel()
    eventually(lambda: not process.running)
    assert process.stop() == 0
    assert Run.objects.get().status == "cancelled"


def test_a_synthetic_run_that_was_ended_writes_no_more(transactional_db, acme):
    process = Process("manage.py", "emit_events", "--crew=crew", "--seconds=60")
    eventually(lambda: _messages(acme.crew.pk), within_s=30)
    Run.objects.get().finish("failed", reason="worker_lost")
    eventually(lambda: not process.running)
    assert process.stop() == 1
    assert "Somebody else has ended run" in process.log.read_text()
    assert Run.objects.get().status == "failed"


@pytest.mark.parametrize("option", ["rate", "seconds"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_a_rate_or_length_that_is_none_is_refused(acme, option, value):
    with pytest.raises(CommandError, match="give numbers above 0"):
        run("emit_events", "--crew=crew", f"--{option}={value}")
    assert not Run.objects.exists()


def test_a_crew_without_tasks_has_nothing_to_emit(acme):
    acme.crew.tasks.all().delete()
    with pytest.raises(CommandError, match="has no task"):
        run("emit_events", crew="crew")
    assert not Run.objects.exists()


def _messages(crew_id: UUID) -> list[str]:
    told = Event.objects.filter(stream_id=f"graph:{crew_id}", type="tool_progress")
    return [json.loads(body)["message"] for body in told.values_list("body", flat=True)]


# -- reap_runs ------------------------------------------------------------------------------------


def test_one_sweep_ends_what_was_lost_and_nothing_else(acme, globex):
    lost, held = acme.start_run(), globex.start_run()
    past = timezone.now() - timedelta(seconds=1)
    models.QuerySet.update(Run.objects.filter(pk=lost.pk), lease_until=past)
    out, _ = run("reap_runs")
    assert out == "Ended as worker_lost: 1. Announced again: 0.\n"
    assert [Run.objects.get(pk=r.pk).status for r in (lost, held)] == ["failed", "running"]


def test_the_loop_sweeps_until_it_is_told_to_stop(transactional_db, acme):
    process = Process("manage.py", "reap_runs", "--loop", REAPER_INTERVAL_S="0.1")
    eventually(lambda: "Sweeping every" in process.log.read_text(), within_s=30)
    for _ in range(2):
        lost = acme.start_run()
        past = timezone.now() - timedelta(seconds=1)
        models.QuerySet.update(Run.objects.filter(pk=lost.pk), lease_until=past)
        eventually(Run.objects.filter(pk=lost.pk, reason="worker_lost").exists)
    assert process.stop(signal.SIGTERM) == 0
    assert "Stopped" in process.log.read_text()


def test_the_loop_outlives_a_database_that_is_away(tmp_path):
    here, away = tmp_path / "here", tmp_path / "away"
    here.mkdir()
    database = {"DATABASE_URL": f"sqlite:///{here}/crewops.sqlite3"}
    migrated = Process("manage.py", "migrate", "--verbosity=0", **database)
    eventually(lambda: not migrated.running, within_s=60)
    with sqlite3.connect(here / "crewops.sqlite3") as connection:
        connection.execute("INSERT INTO runs_worker VALUES ('w', '2001-01-01 00:00:00', '')")
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


# -- cancel_run -----------------------------------------------------------------------------------


def test_a_run_that_waits_is_cancelled_at_once(acme):
    waiting = Run.objects.create(crew=acme.crew)
    out, _ = run("cancel_run", waiting.pk)
    waiting.refresh_from_db()
    assert waiting.status == "cancelled"
    assert out == f"Run {waiting.pk} has ended: cancelled.\n"


def test_the_worker_of_a_running_run_is_asked_to_stop(acme):
    held = acme.start_run()
    out, _ = run("cancel_run", held.pk)
    held.refresh_from_db()
    assert (held.status, held.cancel_requested) == ("running", True)
    assert "its worker stops within seconds" in out


def test_cancelling_can_be_waited_for(acme, worker):
    fail(acme.crew, "trap '' TERM; while :; do sleep 1; done")
    at_work = Run.objects.request(crew=acme.crew)
    eventually(ToolExecution.objects.filter(status="running").exists)
    out, _ = run("cancel_run", at_work.pk, "--wait")
    assert out.splitlines()[-1] == f"Run {at_work.pk} has ended: cancelled."


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nix", "'nix' is no id of a run"),
        ("0b3c4d74-6a3c-4c84-9d38-6a1f6ad4ef6c", "There is no run 0b3c4d74"),
    ],
)
def test_what_is_no_run_is_refused(db, name, message):
    with pytest.raises(CommandError, match=message):
        run("cancel_run", name)


def test_a_run_that_is_over_keeps_its_ending(acme):
    over = acme.start_run()
    over.finish("succeeded")
    with pytest.raises(CommandError, match="has ended already: succeeded"):
        run("cancel_run", over.pk)
    over.refresh_from_db()
    assert over.status == "succeeded"
