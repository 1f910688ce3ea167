"""What clients of AG-UI may send: anything. Only a RunAgentInput is understood."""

import json
from http import HTTPStatus
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.agui.resume import InterruptAnswer, ResumeError, Resumption, parse

APPROVAL, SEEN = "0b5e0000-0000-4000-8000-000000000000", "a" * 64
ENTRY = {"interruptId": f"{APPROVAL}:{SEEN}:7:12", "status": "resolved"}
YES = ENTRY | {"payload": {"approved": True, "note": "ok"}}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = {"interruptId": st.just(ENTRY["interruptId"]) | st.text(), "payload": JSON}
FIELDS["status"] = st.sampled_from(["resolved", "cancelled"]) | JSON
ENTRIES = st.lists(st.fixed_dictionaries({}, optional=FIELDS) | JSON, max_size=3)


def body(*entries: dict) -> bytes:
    return json.dumps({"threadId": "t", "runId": "r", "resume": entries}).encode()


def test_answers_are_read():
    yes = InterruptAnswer(UUID(APPROVAL), SEEN, "approved", "ok")
    assert parse(body(YES))[0] == Resumption([yes], 7, 12)
    no = ENTRY | {"payload": {"approved": False}}
    assert parse(body(no))[0].answers[0].decision == "denied"
    cancelled = ENTRY | {"status": "cancelled", "payload": {"approved": True}}
    assert parse(body(cancelled))[0].answers[0].decision == ""


@pytest.mark.parametrize("sent", [b"", b"{}", b'{"resume": []}', b'{"resume": null, "state": 1}'])
def test_without_answers_a_run_begins_anew(sent):
    assert parse(sent)[0] is None


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([ENTRY], "payload is"),
        ([ENTRY | {"payload": {"approved": True, "note": "x" * 501}}], "at most 500"),
        ([YES] * 101, "at most 100"),
        ([YES, YES | {"interruptId": f"{APPROVAL}:{SEEN}:7:13"}], "different interrupts"),
        ([YES | {"interruptId": f"{'-' * 36}:{SEEN}:1:1"}], "names no interrupt"),
    ],
)
def test_a_wrong_answer_is_explained(entries, says):
    with pytest.raises(ResumeError, match=says) as wrong:
        parse(body(*entries))
    assert wrong.value.status == HTTPStatus.BAD_REQUEST


def outcome(sent: bytes) -> ResumeError | Resumption | None:
    try:
        return parse(sent)[0]
    except ResumeError as wrong:
        return wrong


@given(st.binary() | ENTRIES.map(lambda entries: json.dumps({"resume": entries}).encode()))
def test_anything_else_is_refused(sent):
    found = outcome(sent)
    if isinstance(found, ResumeError):
        assert (found.status, found.code) == (HTTPStatus.BAD_REQUEST, "malformed")
    else:
        assert found is None or found.answers
