"""The command control_run: each control of each kind of run, whose it is, and what it refuses."""

import signal
import subprocess
import sys
from uuid import uuid4

import pytest
from django.core.management import CommandError

from crews.models import AuditEntry
from runs.execution import controls
from runs.management.commands import control_run
from runs.models import Control, Run
from runs.models.control import CONTROL_TEXT_LIMIT, report_paused
from runs.tests.commands.calling import run
from runs.tests.reporting.conftest import Program
from tests.live import PROJECT, Process, environment, eventually

MISSING = "0b3c4d74-6a3c-4c84-9d38-6a1f6ad4ef6c"
TEXT = ["--text", "be quick"]


@pytest.fixture
def held(acme) -> Run:
    """A run of a worker."""
    return acme.start_run()


@pytest.fixture
def reported(acme) -> Run:
    """A run of a program that takes every control."""
    program = Program(acme.issue_key("report")[1])
    takes = ["cancel", "pause", "message"]
    boot = {"run": "r", "id": "b", "type": "boot", "crew": "crew", "origin": "python"}
    return Run.objects.get(pk=program.send(boot | {"controls": takes})["runs"]["r"])


def state(action: str) -> tuple[str, str, str]:
    control = Control.objects.get(action=action)
    return control.status, control.by, control.text


# -- What it asks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["held", "reported"])
@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_a_run_is_asked_once_however_often_it_is_repeated(request, kind, action):
    asked = request.getfixturevalue(kind)
    for _ in range(2):
        out, _ = run("control_run", asked.pk, action)
        assert out == f"Run {asked.pk}: {action} requested.\n"
    assert state(action) == ("requested", "a command", "")


@pytest.mark.parametrize("kind", ["held", "reported"])
def test_a_paused_run_resumes_and_repeating_is_harmless(request, kind):
    paused = request.getfixturevalue(kind)
    run("control_run", paused.pk, "pause")
    assert report_paused(paused, True)
    assert run("control_run", paused.pk, "pause")[0] == f"Run {paused.pk}: pause applied.\n"
    for _ in range(2):
        assert run("control_run", paused.pk, "resume")[0] == f"Run {paused.pk}: resume requested.\n"
    assert report_paused(paused, False)
    assert run("control_run", paused.pk, "resume")[0] == f"Run {paused.pk}: resume applied.\n"
    assert Control.objects.count() == 2


def test_a_program_gets_a_message_once_and_without_its_secrets(reported):
    text = "  use password=canary-7d1f2e9a0b and go on "
    for _ in range(2):
        out, _ = run("control_run", reported.pk, "message", "--text", text)
        assert out == f"Run {reported.pk}: message requested.\n"
    assert state("message")[2] == "use password=[redacted] and go on"


def test_a_name_that_asks_is_given_and_secrets_stay_out(reported):
    controls.ask(reported, "message", " use password=canary-7d1f2e9a0b ", by="anna")
    assert state("message") == ("requested", "anna", "use password=[redacted]")


def test_a_worker_refuses_a_message(held):
    with pytest.raises(CommandError, match="tools of a worker read no messages") as refused:
        run("control_run", held.pk, "message", *TEXT)
    assert refused.value.returncode == 1
    assert state("message")[0] == "refused"


def test_a_queued_run_is_cancelled_at_once(acme):
    waiting = Run.objects.create(crew=acme.crew)
    out, _ = run("control_run", waiting.pk, "cancel")
    assert out == f"Run {waiting.pk}: cancel applied.\n"
    waiting.refresh_from_db()
    assert waiting.status == "cancelled"


# -- Waiting for the answer -----------------------------------------------------------------------


def test_the_answer_can_be_waited_for(held, monkeypatch):
    def pass_time(seconds: float) -> None:
        report_paused(held, True)

    monkeypatch.setattr(control_run.time, "sleep", pass_time)
    out, _ = run("control_run", held.pk, "pause", "--wait=60")
    assert out == f"Run {held.pk}: pause applied.\n"


def test_an_answer_that_does_not_come_in_time_is_an_error(held):
    with pytest.raises(
        CommandError, match=rf"No answer within 0.2 s. The request to run {held.pk} stands"
    ):
        run("control_run", held.pk, "pause", "--wait=0.2")
    assert state("pause")[0] == "requested"


def test_what_comes_too_late_is_an_error(held, monkeypatch):
    monkeypatch.setattr(control_run.time, "sleep", lambda seconds: held.finish("succeeded"))
    with pytest.raises(CommandError, match="The run had ended: succeeded"):
        run("control_run", held.pk, "cancel", "--wait=60")


def test_a_run_that_is_deleted_meanwhile_is_an_error(held, monkeypatch):
    monkeypatch.setattr(control_run.time, "sleep", lambda seconds: held.delete())
    with pytest.raises(CommandError, match="The run was deleted"):
        run("control_run", held.pk, "pause", "--wait=60")


def test_ctrl_c_ends_the_wait_and_not_what_was_asked(transactional_db, acme):
    held = acme.start_run()
    process = Process("manage.py", "control_run", str(held.pk), "pause", "--wait=600")
    eventually(Control.objects.filter(action="pause").exists, within_s=30)
    assert process.stop(signal.SIGINT) == 130
    assert f"The request to run {held.pk} stands" in process.log.read_text()
    assert "Traceback" not in process.log.read_text()


def test_ctrl_c_before_it_was_asked_says_so(held, monkeypatch):
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(controls, "ask", interrupted)
    with pytest.raises(CommandError, match=f"Run {held.pk}: no pause is pending.") as ended:
        run("control_run", held.pk, "pause")
    assert ended.value.returncode == 130


# -- As a user ------------------------------------------------------------------------------------


def test_a_user_asks_in_their_own_name(acme, held):
    run("control_run", held.pk, "pause", "--user=acme-operator")
    assert state("pause")[1] == "acme-operator"
    entry = AuditEntry.objects.get(kind="run.paused")
    assert (entry.actor_name, entry.way) == ("acme-operator", "command")


def test_a_viewer_controls_nothing(held):
    with pytest.raises(CommandError, match="'acme-viewer' may watch this run but not control it"):
        run("control_run", held.pk, "cancel", "--user=acme-viewer")
    assert not Control.objects.exists()


def test_a_run_of_another_organization_is_refused_like_one_that_is_not_there(held, globex):
    for pk in (MISSING, str(held.pk)):
        with pytest.raises(CommandError) as refused:
            run("control_run", pk, "cancel", "--user=globex-admin")
        assert str(refused.value) == f"There is no run {pk}."
    assert not Control.objects.exists()


@pytest.mark.parametrize(
    ("active", "name", "message"),
    [(True, "nobody", "There is no user 'nobody'"), (False, "acme-operator", "is deactivated")],
)
def test_a_user_who_could_not_sign_in_is_refused(acme, held, active, name, message):
    acme.operator.is_active = active
    acme.operator.save()
    with pytest.raises(CommandError, match=message):
        run("control_run", held.pk, "cancel", f"--user={name}")
    assert not Control.objects.exists()


# -- What it refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["held", "reported"])
@pytest.mark.parametrize("action", Control.Action.values)
def test_an_ended_run_takes_no_control(request, kind, action):
    over = request.getfixturevalue(kind)
    over.finish("succeeded")
    with pytest.raises(CommandError, match="The run has ended: succeeded"):
        run("control_run", over.pk, action, *(TEXT if action == "message" else []))
    assert not Control.objects.exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["resume"], "The run is not paused"),
        (["message"], "give the message with --text TEXT"),
        (["message", "--text", " \n"], "give the message with --text TEXT"),
        (["message", "--text", "x" * (CONTROL_TEXT_LIMIT + 1)], "at most 4000 characters"),
        (["pause", "--text", "now"], "pause: leave out --text"),
        (["pause", "--wait=-1"], "--wait: give a number of seconds"),
        (["pause", "--wait=nan"], "--wait: give a number of seconds"),
        (["pause", "--wait=soon"], "argument --wait: invalid float value: 'soon'"),
        (["explode"], "argument action: invalid choice: 'explode'"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_what_cannot_be_asked_is_refused(held, args, message):
    with pytest.raises(CommandError, match=message):
        run("control_run", held.pk, *args)
    assert not Control.objects.exists()


@pytest.mark.parametrize(
    ("pk", "message"), [("nix", "'nix' is no id of a run"), (MISSING, f"There is no run {MISSING}")]
)
def test_what_is_no_run_is_refused(db, pk, message):
    with pytest.raises(CommandError, match=message):
        run("control_run", pk, "cancel")


@pytest.mark.parametrize(("args", "status"), [([str(uuid4()), "cancel"], 1), (["x", "explode"], 2)])
def test_a_shell_gets_a_status_and_one_line(transactional_db, args, status):
    done = subprocess.run(
        [sys.executable, "manage.py", "control_run", *args],
        cwd=PROJECT, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(("CommandError: ", "manage.py control_run: "))
