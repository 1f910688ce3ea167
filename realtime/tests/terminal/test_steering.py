"""The keys of `manage.py watch run` without a server: what they choose, ask and answer."""

import io
import threading
from types import SimpleNamespace

import pytest
from rich.console import Console

from realtime.terminal.api import NotDone
from realtime.terminal.requests import Requests, Rights
from realtime.terminal.run_view import RunView
from realtime.terminal.steering import Steering
from realtime.tests.test_terminal_views import BOOT, event
from tests.waiting import eventually

ALL = Rights(("cancel", "pause", "message"), may_operate=True, may_manage=True)
ASKED = {
    "approval_id": "a", "agent_id": "orion", "tool": "script", "params": {"code": "ls"},
    "expires_at": "2026-01-01T12:00:00.000000Z", "seen": "5eed", "admins_only": False,
}  # fmt: skip


class Person:
    """Types at a run's view, and answers for the server."""

    def __init__(self, rights: Rights = ALL) -> None:
        self.view = RunView()
        self.view.feed(BOOT)
        self.rights = rights
        self.asked: list[tuple[str, dict]] = []
        self.answers: list[dict | Exception] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.out = io.StringIO()
        self.typed = ""
        self.forgotten = 0
        keyboard = SimpleNamespace(read=self._read, forget=self._forget)
        requests = Requests(self, lambda: self.rights)
        console = Console(file=self.out, width=80)
        self.steering = Steering(self.view, keyboard, requests, console)

    def post(self, path: str, body: dict) -> dict:
        self.asked.append((path, body))
        self.may_answer.wait(30)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def types(self, keys: str, answer: dict | Exception | None = None) -> None:
        """Type, and let the server answer what was asked."""
        if answer is not None:
            self.answers.append(answer)
        self.typed = keys
        self.steering.take(0)
        if answer is not None:
            eventually(lambda: self.steering.take(0) or "sending" not in self.below)

    @property
    def below(self) -> str:
        return self.steering.below().plain

    def _read(self, wait: float) -> str:
        typed, self.typed = self.typed, ""
        return typed

    def _forget(self) -> None:
        self.forgotten += 1


def control(action: str, status: str = "requested", **fields: str) -> dict:
    return {"control_id": action, "action": action, "status": status, "detail": ""} | fields


def takes(*controls: str, manages: bool = False) -> Person:
    return Person(Rights(controls, True, manages))


# -- Controls -------------------------------------------------------------------------------------


def test_a_control_is_sending_asked_received_and_done():
    person = Person()
    assert person.below == "p pause · m message · c cancel · q quit"
    person.may_answer.clear()
    person.answers.append(control("pause"))
    person.types("pp")  # the second while the first is sent
    assert person.below.startswith("pause: sending …\n")
    person.types("c")
    person.may_answer.set()
    eventually(lambda: person.steering.take(0) or "sending" not in person.below)
    assert person.asked == [("runs/r/controls/", {"action": "pause"})]
    assert person.below.splitlines()[0] == "pause: asked, not received yet"
    person.view.feed(event("control_requested", 1, control_id="pause", action="pause", by="me"))
    person.view.feed(event("control_acknowledged", 2, control_id="pause"))
    assert person.below.startswith("pause: received, not done yet\np resume")
    refused = {"status": "refused", "detail": "It cannot\x1b[2J now."}
    person.view.feed(event("control_applied", 3, control_id="pause", **refused))
    assert person.below.startswith("pause: refused: It cannot [2J now.\np pause")


def test_a_pause_from_before_the_first_event_is_known_from_the_answer():
    person = Person()
    person.types("p", control("pause", "applied"))
    assert person.below.startswith("pause: done\np resume")
    person.types("P", control("resume"))
    assert [body["action"] for _, body in person.asked] == ["pause", "resume"]


def test_p_offers_the_opposite_of_the_newest_move_that_was_not_refused():
    person = Person()
    for second, (kind, fields, key) in enumerate([
        ("control_requested", {"control_id": "1", "action": "pause", "by": ""}, "resume"),
        ("control_requested", {"control_id": "2", "action": "resume", "by": ""}, "pause"),
        ("control_applied", {"control_id": "2", "status": "refused", "detail": ""}, "resume"),
        ("control_applied", {"control_id": "1", "status": "too_late", "detail": ""}, "pause"),
        ("control_acknowledged", {"control_id": "from before the first event"}, "pause"),
    ]):  # fmt: skip
        person.view.feed(event(kind, second, **fields))
        assert f"p {key}" in person.below


@pytest.mark.parametrize(
    ("person", "line"),
    [
        (takes("cancel"), "c cancel · q quit"),
        (takes(), "q quit"),
        (takes("cancel", "pause"), "p pause · c cancel · q quit"),
        (Person(Rights(("cancel", "pause", "message"))), "q quit"),
    ],
)
def test_only_keys_that_the_run_takes_and_the_user_may_use_are_named(person, line):
    assert person.below == line
    person.types("m")
    assert person.below.splitlines()[0] in (
        "This run does not take it: message.",
        "You may watch this run but not control it.",
    )
    assert person.asked == []


def test_a_run_that_is_cancelled_or_over_takes_no_more():
    person = Person()
    person.view.feed(event("control_requested", 1, control_id="1", action="cancel", by="me"))
    assert person.below == "q quit"
    person.types("p")
    assert person.below.startswith("The run is being cancelled.")
    over = Person()
    over.view.feed(event("done", 1, status="succeeded", duration_s=1.0))
    assert over.below == "q quit"


def test_an_answer_says_why_nothing_was_asked_and_rights_are_read_again():
    person = Person()
    person.rights = Rights()
    person.types("p", NotDone("You may watch."))
    assert person.below == "pause: You may watch.\nq quit"


def test_an_error_that_nobody_expects_ends_the_program():
    person = Person()
    with pytest.raises(ZeroDivisionError):
        person.types("p", ZeroDivisionError())


def test_quitting_waits_for_what_is_sent():
    person = Person()
    person.may_answer.clear()
    person.answers.append(control("pause"))
    person.types("pq")
    assert not person.steering.has_left
    person.may_answer.set()
    eventually(lambda: person.steering.take(0) or person.steering.has_left)


# -- Questions ------------------------------------------------------------------------------------


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
    assert (
        "Orion asks to call script. It waits until 2026-01-01 12:00:00 UTC."
        in person.out.getvalue()
    )
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
    person.types("y")
    assert person.below.startswith("The call does not wait any more: see above.\np pause")
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


def test_a_call_is_shown_whole_and_none_of_its_lines_looks_like_another():
    person = Person()
    params = {
        "na\nme": "a\x1b[2J\r\u202eb\n\nApprove script as shown above?",
        "list": ["[red]x[/red]", "\u2066"],
        "long": "y" * 500,
    }
    person.view.feed(event("approval_requested", 1, **ASKED | {"params": params}))
    person.types("a")
    shown = person.out.getvalue()
    assert "na\\nme:\n  │ a\\u001b[2J\\u000d\\u202eb\n  │ \n  │ Approve script as shown" in shown
    assert '  │  "[red]x[/red]",\n  │  "\\u2066"\n' in shown
    assert f"  │ {'y' * 500}\n" in shown
