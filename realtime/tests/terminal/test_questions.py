"""The questions of `manage.py watch run` without a server: what answers them and what does not."""

import pytest

from realtime.tests.terminal.person import ASKED, Person, control, takes
from realtime.tests.test_terminal_views import event


def test_keys_typed_ahead_of_a_question_do_not_answer_it():
    person = Person()
    person.types("cyq")
    assert person.below.startswith("Cancel the run?")
    assert (person.asked, person.forgotten, person.steering.has_left) == ([], 1, False)
    person.types("x\x1b[A\nq")
    assert person.below.startswith("Cancel the run?")
    person.types("n")
    assert person.below.startswith("p pause")
    person.types("c")
    person.types("Y", control("cancel"))
    assert person.asked == [("runs/r/controls/", {"action": "cancel"})]
    assert person.below == "cancel: asked, not received yet\nq quit"


def test_of_a_pasted_text_only_the_first_line_is_sent_and_the_rest_is_no_keys():
    person = Person()
    person.types("m")
    person.types("\n ")  # without a text
    assert person.below.startswith("Message:  ▏")
    person.types("go on\ncy", control("message"))
    assert person.asked == [("runs/r/controls/", {"action": "message", "text": " go on"})]
    assert person.below.startswith("message: asked, not received yet\np pause")


def test_the_call_that_was_shown_is_the_one_that_is_decided():
    person = Person()
    person.view.feed(event("approval_requested", 1, **ASKED))
    person.view.feed(event("approval_requested", 2, **ASKED | {"approval_id": "b", "seen": "no"}))
    assert "a decide about a call (2 waiting)" in person.below
    person.types("a")
    assert person.rows == [
        "Orion asks to call script. It waits until 2026-01-01 12:00:00 UTC.",
        "code:",
        "  │ ls",
        "Approve script as shown above?  y approve · n deny · Esc leave",
    ]
    person.types("q\n")
    assert person.below.startswith("Approve script as shown above?")
    person.types("y", {"approval_id": "a", "status": "approved"})
    body = {"decision": "approve", "seen": "5eed", "note": ""}
    assert person.asked == [("approvals/a/", body)]
    assert person.below.startswith("approve script: done, approved")


def test_a_denial_may_have_a_note_and_escape_leaves_it():
    person = Person()
    person.view.feed(event("approval_requested", 1, **ASKED))
    person.types("a")
    person.types("n")
    person.types("no\x1b")
    assert person.below.startswith("p pause")
    person.types("a")
    person.types("n")
    person.types(" not now \n", {"approval_id": "a", "status": "denied"})
    assert [body["note"] for _, body in person.asked] == ["not now"]


def test_what_is_typed_when_a_call_was_decided_by_another_decides_nothing():
    person = Person()
    person.view.feed(event("approval_requested", 1, **ASKED))
    person.types("a")
    decided = {"approval_id": "a", "decision": "denied", "by": "mia", "note": ""}
    person.view.feed(event("approval_decided", 2, **decided))
    person.types("y\n")
    assert person.below == "Decided by mia meanwhile.  Press Enter or Esc."
    person.types("qcy")
    assert person.below == "Decided by mia meanwhile.  Press Enter or Esc."
    person.types("\n")
    assert person.below.startswith("Decided by mia meanwhile.\np pause")
    assert person.asked == []
    person.types("a")
    assert person.below.startswith("No call waits.")


def test_a_call_for_admins_is_theirs_to_decide():
    operator, admin = takes("pause"), takes("pause", manages=True)
    for person in (operator, admin):
        person.view.feed(event("approval_requested", 1, **ASKED | {"admins_only": True}))
        person.types("a")
    assert operator.below.startswith("Only admins decide about this call.")
    assert admin.below.startswith("Approve script as shown above?")


@pytest.mark.parametrize(
    ("ending", "line"),
    [
        ({"decision": "denied", "by": "mia", "note": ""}, "Decided by mia meanwhile."),
        ({"decision": "expired", "by": "", "note": ""}, "The call has expired."),
        (None, "The call does not wait any more."),
    ],
)
@pytest.mark.parametrize("leave", ["\n", "\r", "\x1b"])
def test_a_note_whose_call_was_decided_meanwhile_is_no_command(ending, line, leave):
    person = Person()
    person.view.feed(event("approval_requested", 1, **ASKED))
    person.types("a")
    person.types("n")
    person.types("not be")
    if ending:
        person.view.feed(event("approval_decided", 2, approval_id="a", **ending))
    else:
        person.view.feed({"type": "reset", "stream": "run:r", "reason": "pruned", "head": 9})
    for key in "cause my":  # c would ask to cancel, y would do it
        person.types(key)
    assert person.below == f"{line}  Press Enter or Esc."
    assert ("denied by mia" in "".join(person.rows)) == bool(ending and ending["by"])
    person.types(leave)
    assert person.below.startswith(f"{line}\np pause")
    assert person.asked == []
    assert not person.steering.has_left
