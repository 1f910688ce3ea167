"""`manage.py watch run` in a terminal: its keys, over a live server, and what they leave behind."""

import pytest

from realtime.tests.terminal.terminal_user import OF_WORKER
from runs.models import Control, Run
from runs.models.control import report_paused
from runs.tests.reporting.conftest import Program
from runs.tests.reporting.test_controls import event
from runs.tests.test_approvals import ask
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def asked(action: str) -> Control:
    eventually(Control.objects.filter(action=action).exists)
    return Control.objects.get(action=action)


def test_p_pauses_and_resumes_and_shows_how_far_it_is(acme, watch):
    run = acme.start_run()
    terminal = watch(run)
    terminal.sees(OF_WORKER)
    terminal.types("p")
    terminal.sees("pause: asked, not received yet", "p resume · c cancel")
    assert asked("pause").by == "acme-operator"
    Control.objects.acknowledge(run)
    terminal.sees("pause: received, not done yet")
    report_paused(run, True)
    terminal.sees("pause: done", "paused")
    terminal.types("p")
    terminal.sees("resume: asked, not received yet", OF_WORKER)
    report_paused(run, False)
    terminal.sees("resume: done")
    assert terminal.text.count("Acme crew run") == 1  # each drawing replaces the one before
    assert [c.action for c in Control.objects.all()] == ["pause", "resume"]


def test_c_asks_and_n_and_escape_leave_the_run_alone(acme, watch):
    run = acme.start_run()
    terminal = watch(run)
    for answer in ("n", "\x1b"):
        terminal.sees(OF_WORKER)
        terminal.types("c")
        terminal.sees("Cancel the run? This cannot be undone.  y cancel · n leave")
        terminal.types(answer)
    terminal.sees(OF_WORKER)
    terminal.types("cy")  # typed ahead of the question
    terminal.sees("Cancel the run?")
    assert not Control.objects.exists()
    terminal.types("y")
    terminal.sees("cancel: asked, not received yet")
    assert asked("cancel").status == "requested"
    assert terminal.last_line == "q quit"
    run.finish("cancelled", reason="cancelled")
    assert terminal.end() == 0
    assert "cancelled in" in terminal.screen


def test_m_sends_a_line_to_a_program_that_takes_messages(acme, watch):
    program = Program(acme.issue_key("report")[1])
    boot = {"run": "r", "id": "b", "type": "boot", "crew": "crew", "origin": "python"}
    takes = {"controls": ["cancel", "pause", "message"]}
    run = Run.objects.get(pk=program.send(boot | takes)["runs"]["r"])
    terminal = watch(run)
    terminal.sees("p pause · m message · c cancel · q quit")
    terminal.types("m")
    terminal.sees("Message: ", "Enter sends · Esc leaves")
    terminal.types("q\x1b[Dé\x7f" + "uicx\x7fk, p\n")
    terminal.sees("message: asked, not received yet")
    control = asked("message")
    assert control.text == "quick, p"
    program.send(
        event("control_applied", "1", control_id=str(control.pk), status="refused", detail="Busy.")
    )
    terminal.sees("message: refused: Busy.")
    terminal.types("m")
    terminal.sees("Enter sends")
    terminal.types("not sent\x1b")
    terminal.sees("p pause · m message")
    assert Control.objects.count() == 1


def test_a_viewer_is_offered_no_key_and_told_why(acme, watch):
    run = acme.start_run()
    ask(run)
    terminal = watch(run, "acme-viewer")
    terminal.sees("waits for approval", "q quit")
    for key in "pcma":
        assert terminal.last_line == "q quit"
        terminal.types(key)
        terminal.sees("You may watch this run but not control it.")
    assert not Control.objects.exists()
    terminal.types("q")
    assert terminal.end() == 0


def test_a_right_that_was_taken_away_is_refused_by_the_server(acme, watch):
    run = acme.start_run()
    terminal = watch(run)
    terminal.sees(OF_WORKER)
    membership = acme.operator.memberships.get()
    membership.role = "viewer"
    membership.save()
    terminal.types("p")
    terminal.sees("pause: You may watch this crew but not start or cancel its runs.")
    assert terminal.last_line == "q quit"
    assert not Control.objects.exists()


def test_the_keys_stay_in_sight_below_a_run_that_is_higher_than_the_screen(acme, watch):
    acme.crew.tasks.all().delete()
    for number in range(30):
        agent = acme.crew.agents.first()
        acme.crew.tasks.create(agent=agent, name=f"Task {number}", order=number, steps=[])
    terminal = watch(acme.start_run(), rows=12)
    terminal.sees("Task 0", "…", OF_WORKER)
    terminal.types("c")
    terminal.sees("Cancel the run?")
    assert "Task 29" not in terminal.screen
