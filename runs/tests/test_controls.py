"""Each control of a run is answered once, whether a worker or a program carries out the run."""

import pytest

from crews.models import AuditEntry
from runs.execution import controls
from runs.models import Control, InvalidState, Run
from runs.models.control import CONTROLS_PER_RUN, close, report_paused
from runs.tests.reporting.conftest import frames, types

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(acme) -> Run:
    return acme.start_run()


def state(control: Control) -> tuple[str, str]:
    control.refresh_from_db()
    return control.status, control.detail


def paused(run: Run) -> tuple[bool, bool]:
    run.refresh_from_db()
    return run.pause_requested, run.paused_at is not None


def test_a_pause_is_asked_acknowledged_and_applied(run):
    control = controls.ask(run, "pause")
    assert (state(control), paused(run)) == (("requested", ""), (True, False))
    Control.objects.acknowledge(run)
    assert (state(control), paused(run)) == (("acknowledged", ""), (True, False))
    assert report_paused(run, True)
    assert (state(control), paused(run)) == (("applied", ""), (True, True))
    events = [frame for frame in frames(run) if frame["type"].startswith("control")]
    assert [frame["type"].partition("_")[2] for frame in events] == [
        "requested",
        "acknowledged",
        "applied",
    ]
    assert {frame["control_id"] for frame in events} == {str(control.pk)}
    assert (events[0]["action"], events[0]["by"]) == ("pause", "a command")
    assert (events[2]["status"], events[2]["detail"]) == ("applied", "")


def test_a_pause_that_is_repeated_is_the_same(run):
    first = controls.ask(run, "pause")
    assert controls.ask(run, "pause") == first
    report_paused(run, True)
    assert controls.ask(run, "pause") == first
    assert Control.objects.count() == 1


def test_a_paused_run_resumes_and_can_pause_again(run):
    controls.ask(run, "pause")
    report_paused(run, True)
    resume = controls.ask(run, "resume")
    assert controls.ask(run, "resume") == resume
    assert paused(run) == (False, True)
    assert report_paused(run, False)
    assert (state(resume), paused(run)) == (("applied", ""), (False, False))
    assert controls.ask(run, "resume") == resume
    assert state(controls.ask(run, "pause")) == ("requested", "")


def test_a_run_that_never_paused_cannot_resume(run):
    with pytest.raises(InvalidState, match="not paused"):
        controls.ask(run, "resume")


def test_a_resume_replaces_a_pause_that_has_not_happened(run):
    pause = controls.ask(run, "pause")
    resume = controls.ask(run, "resume")
    assert state(pause) == ("refused", "Resumed before it had paused.")
    assert (state(resume), paused(run)) == (("applied", ""), (False, False))
    assert not report_paused(run, True)  # its worker has read the pause before
    assert paused(run) == (False, False)


def test_a_pause_replaces_a_resume_that_has_not_happened(run):
    controls.ask(run, "pause")
    report_paused(run, True)
    resume = controls.ask(run, "resume")
    pause = controls.ask(run, "pause")
    assert state(resume) == ("refused", "Paused again before it had resumed.")
    assert (state(pause), paused(run)) == (("applied", ""), (True, True))
    assert not report_paused(run, False)


def test_cancel_comes_before_everything(run):
    pause = controls.ask(run, "pause")
    cancel = controls.ask(run, "cancel")
    assert controls.ask(run, "cancel") == cancel
    for action in ("pause", "resume"):
        if action == "pause":
            assert controls.ask(run, action) == pause
        else:
            with pytest.raises(InvalidState, match="being cancelled"):
                controls.ask(run, action)
    run.finish("cancelled", reason="cancelled")
    assert state(cancel) == ("applied", "")
    assert state(pause) == ("too_late", "The run had ended: cancelled.")
    assert types(run)[-1] == "done"


def test_what_was_not_done_in_time_is_answered_before_done(run):
    cancel = controls.ask(run, "cancel")
    run.finish("succeeded")
    assert state(cancel) == ("too_late", "The run had ended: succeeded.")
    assert types(run)[-2:] == ["control_applied", "done"]


def test_a_paused_run_that_ends_is_not_paused(run):
    controls.ask(run, "pause")
    report_paused(run, True)
    run.finish("failed", reason="worker_lost")
    assert run.paused_at is None
    assert not report_paused(run, True)


def test_an_ended_run_takes_no_controls(run):
    run.finish("succeeded")
    for action in Control.Action.values:
        with pytest.raises(InvalidState, match="has ended: succeeded"):
            controls.ask(run, action, "x")
    run.cancel()  # as it always was
    assert not Control.objects.exists()


def test_a_queued_run_is_cancelled_at_once(acme):
    queued = Run.objects.create(crew=acme.crew)
    controls.ask(queued, "pause")
    cancel = controls.ask(queued, "cancel")
    assert (cancel.status, queued.status) == ("applied", "cancelled")
    assert types(queued)[-1] == "done"


def test_a_queued_run_keeps_its_pause_until_it_starts(acme):
    queued = Run.objects.create(crew=acme.crew)
    pause = controls.ask(queued, "pause")
    queued.start(worker="w")
    assert (state(pause), paused(queued)) == (("requested", ""), (True, False))


def test_the_existing_way_to_cancel_is_a_control(run):
    run.cancel()
    run.cancel()
    (control,) = Control.objects.all()
    assert (control.action, control.status, run.cancel_requested) == ("cancel", "requested", True)


def test_a_worker_refuses_a_message_at_once(run):
    control = controls.ask(run, "message", "faster")
    assert control.status == "refused"
    assert "read no messages" in control.detail
    assert types(run)[-2:] == ["control_requested", "control_applied"]


def test_only_the_first_answer_counts(run):
    control = controls.ask(run, "pause")
    with run.locked():
        control.end("applied")
        control.end("refused", "no")
        close(run, "failed")
    assert state(control) == ("applied", "")


def test_secrets_are_taken_out_of_a_message(run):
    control = controls.ask(run, "message", "use password=canary-7d1f2e9a0b and go on")
    assert "canary" not in control.text
    assert not any("canary" in str(frame) for frame in frames(run))


def test_the_number_of_controls_is_limited_and_cancel_is_always_possible(run, monkeypatch):
    monkeypatch.setattr("runs.models.control.CONTROLS_PER_RUN", 2)
    assert CONTROLS_PER_RUN == 1000
    controls.ask(run, "message", "a")
    controls.ask(run, "message", "b")
    with pytest.raises(InvalidState, match="Only cancel"):
        controls.ask(run, "pause")
    assert controls.ask(run, "cancel").status == "requested"


def test_controls_are_in_the_audit_trail(run):
    controls.ask(run, "pause")
    report_paused(run, True)
    controls.ask(run, "resume")
    controls.ask(run, "message", "hello")
    controls.ask(run, "cancel")
    kinds = AuditEntry.objects.filter(kind__startswith="run.").order_by("id")
    assert [*kinds.values_list("kind", flat=True)][-4:] == [
        "run.paused",
        "run.resumed",
        "run.messaged",
        "run.cancelled",
    ]
    assert kinds.get(kind="run.messaged").changes == {"text": [None, "hello"]}
