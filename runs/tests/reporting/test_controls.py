"""Controls of a run that a program reports: it declares what it takes, and answers."""

import pytest

from crews.tracking import InvalidState
from runs.execution import controls
from runs.models import Control, Run
from runs.tests.reporting.conftest import frames, types

BOOT = {"run": "r", "id": "boot", "type": "boot", "crew": "crew", "origin": "python"}
TAKES = ["cancel", "pause", "message"]


@pytest.fixture
def boot(program, run_of):
    def boot(**fields):
        return program.send(BOOT | fields), run_of("r")

    return boot


def event(kind: str, id: str, **fields) -> dict:
    return {"run": "r", "id": id, "type": kind} | fields


def status(control: Control) -> str:
    control.refresh_from_db()
    return control.status


def test_a_program_that_takes_controls_gets_the_id_of_its_run(program, boot):
    answer, run = boot(controls=TAKES)
    assert answer["runs"] == {"r": str(run.pk)}
    assert program.send(BOOT | {"controls": TAKES})["runs"] == {"r": str(run.pk)}
    assert run.controls_taken == ("cancel", "pause", "message")


def test_other_programs_get_the_answer_that_they_know(boot):
    answer, run = boot()
    assert "runs" not in answer
    assert run.controls_taken == ("cancel",)


def test_a_cancel_that_is_not_taken_is_not_offered_after_the_last_control(boot, monkeypatch):
    monkeypatch.setattr("runs.models.control.CONTROLS_PER_RUN", 1)
    _, run = boot(controls=["message"])
    controls.ask(run, "message", "hello")
    with pytest.raises(InvalidState, match="does not take it"):
        controls.ask(run, "cancel")
    assert not Run.objects.get(pk=run.pk).cancel_requested


def test_a_pause_is_acknowledged_and_applied_by_the_program(program, boot):
    _, run = boot(controls=TAKES)
    pause = controls.ask(run, "pause")
    id = str(pause.pk)
    program.send(event("control_acknowledged", "1", control_id=id))
    assert status(pause) == "acknowledged"
    program.send(event("control_applied", "2", control_id=id, status="applied"))
    run.refresh_from_db()
    assert (status(pause), run.paused_at is not None) == ("applied", True)
    resume = controls.ask(run, "resume")
    assert status(resume) == "requested"
    program.send(
        event("control_acknowledged", "3", control_id=str(resume.pk)),
        event("control_applied", "4", control_id=str(resume.pk), status="applied"),
    )
    run.refresh_from_db()
    assert (status(resume), run.paused_at) == ("applied", None)
    assert [kind for kind in types(run) if kind.startswith("control")] == [
        *("control_requested", "control_acknowledged", "control_applied") * 2
    ]


def test_a_program_may_refuse(program, boot):
    _, run = boot(controls=TAKES)
    pause = controls.ask(run, "pause")
    about = {"control_id": str(pause.pk), "status": "refused", "detail": "password=canary-91f0ab"}
    answer = program.send(event("control_applied", "1", **about))
    run.refresh_from_db()
    assert (answer["accepted"], status(pause), run.pause_requested) == (1, "refused", False)
    assert "canary" not in str(frames(run))


def test_a_cancel_that_the_program_refuses_is_requested_no_more(program, boot):
    _, run = boot(controls=TAKES)
    cancel = controls.ask(run, "cancel")
    run.refresh_from_db()
    assert run.cancel_requested
    about = {"control_id": str(cancel.pk), "status": "refused", "detail": "It has no hooks."}
    program.send(event("control_applied", "1", **about))
    run.refresh_from_db()
    assert (status(cancel), run.status, run.cancel_requested) == ("refused", "running", False)
    again = controls.ask(run, "cancel")
    program.send(event("done", "2", status="cancelled"))
    run.refresh_from_db()
    assert (status(again), run.status) == ("applied", "cancelled")


def test_a_message_is_delivered(program, boot):
    _, run = boot(controls=TAKES)
    message = controls.ask(run, "message", "be quick")
    assert controls.ask(run, "message", "be quick") == message
    program.send(event("control_applied", "1", control_id=str(message.pk), status="applied"))
    assert status(message) == "applied"
    assert controls.ask(run, "message", "be quick") != message
    texts = [f.get("text") for f in frames(run) if f["type"] == "control_requested"]
    assert texts == ["be quick", "be quick"]


@pytest.mark.parametrize("action", ["pause", "message", "cancel"])
def test_what_the_program_does_not_take_is_refused_with_the_reason(boot, action):
    _, run = boot(controls=[])
    control = controls.ask(run, action, "x" if action == "message" else "")
    assert (control.status, run.cancel_requested) == ("refused", False)
    assert "(python) does not take it" in control.detail


def test_a_run_that_ends_cancelled_has_applied_the_cancel(program, boot):
    _, run = boot(controls=TAKES)
    pause, cancel = controls.ask(run, "pause"), controls.ask(run, "cancel")
    program.send(event("done", "d", status="cancelled"))
    assert (status(pause), status(cancel), types(run)[-1]) == ("too_late", "applied", "done")


def test_answers_after_the_end_change_nothing(program, boot):
    _, run = boot(controls=TAKES)
    pause = controls.ask(run, "pause")
    program.send(event("done", "d", status="succeeded"))
    late = program.send(
        event("control_applied", "1", control_id=str(pause.pk), status="applied"),
        event("control_acknowledged", "2", control_id="nobody's"),
    )
    assert (late["accepted"], late["rejected"], status(pause)) == (2, [], "too_late")
    assert types(run)[-1] == "done"


def test_a_program_that_had_resumed_already_pauses_again(program, boot):
    """Its report of the resume is on the way while somebody asks for another pause."""
    _, run = boot(controls=TAKES)
    first = controls.ask(run, "pause")
    program.send(event("control_applied", "1", control_id=str(first.pk), status="applied"))
    run.refresh_from_db()
    resume, second = controls.ask(run, "resume"), controls.ask(run, "pause")
    program.send(event("control_applied", "2", control_id=str(resume.pk), status="applied"))
    run.refresh_from_db()
    assert (status(resume), status(second), run.paused_at) == ("refused", "requested", None)
    program.send(event("control_applied", "3", control_id=str(second.pk), status="applied"))
    run.refresh_from_db()
    assert (status(second), run.paused_at is not None) == ("applied", True)


def test_only_controls_of_the_run_itself_are_answered(acme, program, boot):
    boot(controls=TAKES)
    other = controls.ask(acme.start_run(), "pause")
    for id in (str(other.pk), "nix"):
        answer = program.send(event("control_applied", id, control_id=id, status="applied"))
        assert answer["rejected"][0]["detail"] == "control_id: the run has no such control."
    assert status(other) == "requested"


@pytest.mark.parametrize("fields", [{"status": "too_late"}, {"status": None}, {"control_id": None}])
def test_an_answer_that_is_none_is_rejected(program, boot, fields):
    _, run = boot(controls=TAKES)
    pause = controls.ask(run, "pause")
    about = {"control_id": str(pause.pk), "status": "applied"} | fields
    assert program.send(event("control_applied", "1", **about))["rejected"][0]["code"] == "invalid"
    assert status(pause) == "requested"


def test_unknown_controls_are_rejected_with_the_boot(program):
    answer = program.send(BOOT | {"controls": ["explode"]})
    assert answer["rejected"][0]["code"] == "invalid"
