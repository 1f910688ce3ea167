"""Decisions with the keys of `manage.py watch run`, in a terminal, over a live server."""

import pytest

from realtime.models import Event
from realtime.tests.terminal.terminal_user import OF_WORKER
from runs.models import Approval, Control
from runs.tests.test_approvals import ask
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

CALL = {"code": "echo \x1b[2J\u202e\nmake deploy", "interpreter": "bash"}


def test_a_shows_the_whole_call_and_y_approves_what_was_shown(acme, watch):
    run = acme.start_run()
    approval, later = ask(run, params=CALL | {"long": "x" * 300}), ask(run, tool="later")
    terminal = watch(run)
    terminal.sees("a decide about a call (2 waiting)")
    terminal.types("ay")  # typed ahead of the question
    terminal.sees("Approve script as shown above?  y approve · n deny · Esc leave")
    shown = terminal.screen
    for line in (
        "asks to call script. It waits until",
        "code:\n  │ echo \\u001b[2J\\u202e\n  │ make deploy\n",
        "interpreter:\n  │ bash\n",
    ):
        assert line in shown
    assert shown.replace("\n  ┆ ", "").count("x" * 300) == 1
    assert Approval.objects.get(pk=approval.pk).is_pending
    terminal.types("y")
    terminal.sees("approve script: done, approved", "✓ script of Orion: approved by acme-operator")
    approval.refresh_from_db()
    later.refresh_from_db()
    assert (approval.status, approval.by, later.status) == ("approved", "acme-operator", "pending")
    terminal.sees("a decide about a call (1 waiting)")


def asking(acme, watch):
    """A call that waits, and the terminal that shows it and asks about it."""
    run = acme.start_run()
    approval = ask(run)
    terminal = watch(run)
    terminal.sees("a decide about a call")
    terminal.types("a")
    terminal.sees("Approve script as shown above?")
    return approval, terminal


def test_n_denies_with_the_reason(acme, watch):
    approval, terminal = asking(acme, watch)
    terminal.types("n")
    terminal.sees("Why is script denied? May stay empty:")
    terminal.types("not on Friday\n")
    terminal.sees("✗ script of Orion: denied by acme-operator: not on Friday")
    approval.refresh_from_db()
    assert (approval.status, approval.note) == ("denied", "not on Friday")


def test_a_call_that_another_has_decided_is_not_asked_about_any_more(acme, watch):
    approval, terminal = asking(acme, watch)
    approval.decide("denied", by="somebody", seen=approval.seen)
    terminal.sees("Decided by somebody meanwhile.  Press Enter or Esc.", "denied by somebody")
    terminal.types("q")
    terminal.types("\n")
    terminal.sees("Decided by somebody meanwhile.", OF_WORKER)


def test_a_note_that_is_typed_when_the_call_is_decided_is_no_command(acme, watch):
    approval, terminal = asking(acme, watch)
    terminal.types("n")
    terminal.sees("Why is script denied?")
    terminal.types("not be")
    terminal.sees("not be▏")
    approval.decide("approved", by="anna", seen=approval.seen)
    terminal.sees("Decided by anna meanwhile.")
    for key in "cause my":
        terminal.types(key)
    terminal.types("\x1b")
    terminal.sees(OF_WORKER)
    assert not Control.objects.exists()


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 10)])
def test_a_long_call_is_approved_after_its_last_page_in_each_size(acme, watch, columns, rows):
    run = acme.start_run()
    padded = f"ls{' ' * 200}interpreter:"
    code = "\n".join([padded, *(f"step {n}" for n in range(50)), "the end"])
    approval = ask(run, params={"code": code})
    terminal = watch(run, columns=columns, rows=rows)
    terminal.sees("waiting)")
    terminal.types("a")
    terminal.sees("asks to call script", "Read on to approve script.")
    assert not any(line.startswith("interpreter") for line in terminal.screen.splitlines())
    terminal.types("y")
    for page in range(2):
        while "the end" not in terminal.screen:
            before = part_of(terminal.screen)
            terminal.types(" ")
            eventually(lambda before=before: part_of(terminal.screen) != before)
        terminal.sees("as shown above?")
        if page == 0:
            terminal.resizes(columns + 10, rows + 2)
            terminal.sees("asks to call script", "Read on to approve script.")
            assert "the end" not in terminal.screen
            terminal.types("y")
    assert Approval.objects.get().is_pending
    terminal.types("y")
    terminal.sees("approve script: done, approved")
    approval.refresh_from_db()
    assert approval.status == "approved"


def part_of(screen: str) -> str:
    return "".join(line for line in screen.splitlines() if line.startswith("rows "))


def test_false_variables_about_the_size_change_nothing(acme, watch):
    run = acme.start_run()
    ask(run, params={"code": f"ls{' ' * 58}interpreter:"})
    terminal = watch(run, columns=60, rows=20, COLUMNS="200", LINES="100")
    terminal.sees("waiting)")
    terminal.types("a")
    terminal.sees("Approve script as shown above?", "  ┆ ")
    assert not any(line.startswith("interpreter") for line in terminal.screen.splitlines())


def test_what_waits_and_is_paused_before_the_first_event_is_known(acme, watch):
    run = acme.start_run()
    ask(run)
    Control.objects.ask(run, "pause", by="anna")
    head = Event.objects.filter(stream=f"run:{run.pk}").order_by("-seq").first().seq
    terminal = watch(run, "acme-operator", f"--since={head}")
    terminal.sees("p resume · c cancel · a decide about a call (1 waiting)")
    terminal.types("p")
    terminal.sees("p pause · c cancel")
    assert [c.action for c in Control.objects.all()] == ["pause", "resume"]


def test_a_call_for_admins_is_not_offered_to_an_operator(acme, watch):
    run = acme.start_run()
    ask(run, admins_only=True)
    terminal = watch(run)
    terminal.sees("waits for approval", OF_WORKER)
    terminal.types("a")
    terminal.sees("Only admins decide about this call.")
    admin = watch(run, "acme-admin")
    admin.sees("a decide about a call (1 waiting)")


def test_a_decision_that_the_server_refuses_is_shown_with_the_reason(acme, watch):
    approval, terminal = asking(acme, watch)
    approval.seen = "0" * 64  # not what was shown
    approval.save()
    terminal.types("y")
    terminal.sees("approve script: The call is not what you were shown.")
    assert Approval.objects.get().is_pending
