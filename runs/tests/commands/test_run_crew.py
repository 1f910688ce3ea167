"""The command run_crew: which crew, running again, waiting for the end."""

import pytest
from django.core.management import CommandError, call_command

from runs.management.commands import run_crew
from runs.models import Run, ToolExecution
from runs.tests.commands.calling import fail, run
from runs.workspaces import workspace_of
from tests.live import Process, eventually


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


def test_where_there_is_no_crew_it_says_how_to_get_some(db, settings):
    settings.DEBUG = True
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
    workspace_of(ended.pk).mkdir(parents=True)
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


def test_waiting_for_a_run_prints_its_progress_and_ends_well(worker, acme):
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
