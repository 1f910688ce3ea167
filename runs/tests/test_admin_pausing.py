"""Runs are paused, resumed and sent messages in the admin."""

import pytest

from runs.tests.reporting.conftest import program, run_of
from runs.tests.reporting.test_controls import TAKES, boot
from runs.tests.test_admin import SUBMIT, messages, staff
from tests.admin import url

__all__ = ["boot", "program", "run_of", "staff"]


def test_a_run_is_paused_and_resumed(acme, staff):
    run = acme.start_run()
    page = url("runs_run_change", run.pk)
    pause, unpause = (url(f"runs_run_{view}", run.pk) for view in ("pause", "unpause"))
    shown = staff["operator"].get(page).content.decode()
    assert (pause in shown, unpause in shown) == (True, False)
    assert "not paused" in messages(staff["operator"].post(unpause, SUBMIT))
    assert "Pause this run?" in staff["operator"].get(pause).content.decode()
    run.refresh_from_db()
    assert not run.pause_requested
    assert "Pause of run" in messages(staff["operator"].post(pause, SUBMIT))
    run.refresh_from_db()
    assert run.pause_requested
    shown = staff["operator"].get(page).content.decode()
    assert (pause in shown, unpause in shown) == (False, True)
    assert "Resume of run" in messages(staff["operator"].post(unpause, SUBMIT))
    run.refresh_from_db()
    assert not run.pause_requested
    run.finish("succeeded")
    shown = staff["operator"].get(page).content.decode()
    assert (pause in shown, unpause in shown) == (False, False)
    assert "has ended" in messages(staff["operator"].post(pause, SUBMIT))


def test_a_message_is_sent_to_a_program(acme, staff, boot):
    _, run = boot(controls=TAKES)
    message, page = url("runs_run_message", run.pk), url("runs_run_change", run.pk)
    operator = staff["operator"]
    assert message in operator.get(page).content.decode()
    assert '<textarea name="text"' in operator.get(message).content.decode()
    empty = operator.post(message, SUBMIT | {"text": " "})
    assert (empty.status_code, "This field is required" in empty.content.decode()) == (200, True)
    long = operator.post(message, SUBMIT | {"text": "x" * 4_001})
    assert "at most 4000 characters" in long.content.decode()
    assert "Message of run" in messages(
        operator.post(message, SUBMIT | {"text": "Use the mirror."})
    )
    (control,) = run.controls.all()
    assert (control.text, control.by) == ("Use the mirror.", "acme-operator")


def test_a_worker_reads_no_messages(acme, staff):
    run = acme.start_run()
    message = url("runs_run_message", run.pk)
    assert message not in staff["operator"].get(url("runs_run_change", run.pk)).content.decode()
    assert "read no messages" in messages(staff["operator"].post(message, SUBMIT | {"text": "Hi"}))


@pytest.mark.parametrize("person", ["viewer", "outsider", "homeless"])
@pytest.mark.parametrize("view", ["pause", "unpause", "message"])
def test_pausing_is_refused_to_those_who_may_not(acme, staff, person, view):
    run = acme.start_run()
    sent = SUBMIT | {"text": "Hi"}
    assert staff[person].post(url(f"runs_run_{view}", run.pk), sent).status_code == 403
    assert not run.controls.exists()
