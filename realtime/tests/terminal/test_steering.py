"""The keys of `manage.py watch run` without a server: what they choose and ask."""

import pytest

from realtime.terminal.api import NotDone
from realtime.terminal.requests import Rights
from realtime.terminal.run_view import RunView
from realtime.tests.terminal.person import ASKED, Person, control, takes
from realtime.tests.test_terminal_views import event, held
from tests.waiting import eventually


def test_a_control_is_sending_asked_received_and_done():
    person = Person()
    assert person.below == "p pause · m message · c cancel · q quit"
    person.may_answer.clear()
    person.answers.append(control("pause"))
    person.types("pp")  # the second while the first is sent
    assert person.below.startswith("pause: sending …\n")
    person.types("c")
    person.may_answer.set()
    eventually(lambda: person.steering.handle_input(0) or "sending" not in person.below)
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


def test_what_began_before_the_first_event_is_asked_for_at_each_start_of_the_stream():
    person = Person()
    person.view = view = person.steering._view = RunView()  # of --since
    person.kept = {
        "runs/r/": {"crew_id": "c", "pause_requested": True},
        "approvals/?status=pending&crew=c": [
            ASKED | {"approval_id": "new", "run_id": "r", "crew_id": "c"},
            ASKED | {"approval_id": "of another run", "run_id": "s", "crew_id": "c"},
            ASKED | {"approval_id": "old", "run_id": "r", "crew_id": "c"},
        ],
    }
    hello = {"type": "hello", "stream": "run:r", "epoch": "e", "head": 9}
    for frame in (hello, hello | {"type": "reset", "reason": "pruned"}):
        view.feed(frame)
        person.types("")
        assert person.below == (
            "p resume · m message · c cancel · a decide about a call (2 waiting) · q quit"
        )
        assert list(view.approvals.pending) == ["old", "new"]
    for frame in held("resume", 3):
        view.feed(frame)
    assert person.below.startswith("p pause")
    for frame in held("pause", 4):
        view.feed(frame)
    person.types("p", control("resume"))
    assert person.asked == [("runs/r/controls/", {"action": "resume"})]


def test_a_server_that_does_not_answer_at_the_start_is_no_end():
    person = Person()
    person.view.feed({"type": "hello", "stream": "run:r", "epoch": "e", "head": 9})
    person.types("")
    assert person.below.startswith("p pause")


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
    eventually(lambda: person.steering.handle_input(0) or person.steering.has_left)
