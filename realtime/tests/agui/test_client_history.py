"""What a client has by its messages is not sent again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.agui.client_history import ClientHistory

CALL = "0b5e0000-0000-4000-8000-000000000000"
DELTAS = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=6)


def content(delta: str, message_id: str = CALL) -> dict:
    return {"type": "TEXT_MESSAGE_CONTENT", "messageId": message_id, "delta": delta}


def said(text: str, message_id: str = CALL) -> dict:
    return {"id": message_id, "role": "assistant", "content": text}


def new_text(known: ClientHistory, deltas: list[str]) -> str:
    parts = [known.new_part(content(delta)) for delta in deltas]
    return "".join(part["delta"] for part in parts if part)


@given(DELTAS, st.data())
def test_of_a_text_only_what_is_new_is_sent(deltas, data):
    whole = "".join(deltas)
    has = data.draw(st.integers(0, len(whole)))
    assert new_text(ClientHistory([said(whole[:has])]), deltas) == whole[has:]


def test_another_text_under_the_id_is_not_cut():
    assert new_text(ClientHistory([said("xy")]), ["ab", "c"]) == "abc"


def test_a_text_that_an_interrupt_has_parted_is_one():
    known = ClientHistory([said("ab"), said("cd", f"{CALL}:2")])
    assert new_text(known, ["abc", "de"]) == "e"


def call(arguments: str = "{}") -> dict:
    calls = [{"id": "t", "type": "function", "function": {"name": "n", "arguments": arguments}}]
    return {"id": "t", "role": "assistant", "toolCalls": calls}


TOOL = [
    {"type": "TOOL_CALL_START", "toolCallId": "t"},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "t", "delta": "{}"},
    {"type": "TOOL_CALL_END", "toolCallId": "t"},
    {"type": "TOOL_CALL_RESULT", "toolCallId": "t", "content": "done"},
]


def sent(*messages: dict) -> list[str]:
    known = ClientHistory([*messages])
    return [event["type"][10:] for event in TOOL if known.new_part(event)]


def test_a_tool_call_with_its_result_is_not_sent_again():
    result = {"id": "r", "role": "tool", "toolCallId": "t", "content": "done"}
    assert sent() == ["START", "ARGS", "END", "RESULT"]
    assert sent(call(), result) == []


def test_a_tool_call_without_a_result_gets_it():
    assert sent(call()) == ["START", "END", "RESULT"]
    assert sent(call(arguments="")) == ["START", "ARGS", "END", "RESULT"]


@pytest.mark.parametrize(
    "messages",
    [None, 1, "text", {}, [1, None, []], [{}], [{"role": "tool"}], [{"role": "tool", "toolCallId": []}]]
    + [[{"role": "assistant", "id": id, "content": text}] for id, text in ((1, "x"), ("x", 1))]
    + [[{"role": "assistant", "id": "x", "toolCalls": calls}] for calls in (1, [1], [{"id": {}}])],
)  # fmt: skip
def test_what_is_no_message_is_left_out(messages):
    known = ClientHistory(messages)
    assert known.new_part(content("text")) == content("text")
    assert known.new_part(TOOL[3]) == TOOL[3]
