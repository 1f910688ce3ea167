"""The parts of a run that an AG-UI client has already. They are not sent again.

The messages that the client sends contain them. Clients append new text and arguments to those with
the same id, and keep every result. So a response that begins with the first event would double the
run in their messages.
"""

import re
from collections import defaultdict
from contextlib import suppress
from typing import Any

# <call>, or <call>:<n> if an interrupt came in the middle of it
MESSAGE = re.compile(r"([0-9a-f-]{36})(:[0-9]{1,9})?")


class ClientHistory:
    """``new_part`` takes the events of a response in order."""

    def __init__(self, messages: Any = None) -> None:
        self._texts: defaultdict[str, str] = defaultdict(str)  # of each call, not yet passed over
        self._arguments: dict[str, str] = {}
        self._results: set[str] = set()
        for message in messages if isinstance(messages, list) else ():
            with suppress(AttributeError, KeyError, TypeError):  # no message of AG-UI
                self._remember(message)

    def new_part(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """Return the event without the part that the client has; ``None`` if nothing is left."""
        match event["type"]:
            case "TEXT_MESSAGE_CONTENT":
                return self._content(event)
            case "TOOL_CALL_START" | "TOOL_CALL_END" | "TOOL_CALL_RESULT":
                # A call that is begun again has to get a result again.
                return None if event["toolCallId"] in self._results else event
            case "TOOL_CALL_ARGS":
                id = event["toolCallId"]
                has = id in self._results or self._arguments.get(id) == event["delta"]
                return None if has else event
        return event

    def _content(self, event: dict[str, Any]) -> dict[str, Any] | None:
        call, text = _call_of(event["messageId"]), event["delta"]
        known = self._texts.pop(call, "")
        if known.startswith(text):
            self._texts[call] = known[len(text) :]
            return None
        return event | {"delta": text[len(known) :]} if text.startswith(known) else event

    def _remember(self, message: dict[str, Any]) -> None:
        if message["role"] == "tool":
            self._results.add(message["toolCallId"])
        elif message["role"] == "assistant":
            for call in message.get("toolCalls") or ():
                self._arguments[call["id"]] = call["function"]["arguments"]
            self._texts[_call_of(message["id"])] += message.get("content") or ""


def _call_of(message_id: str) -> str:
    match = MESSAGE.fullmatch(message_id)
    return match[1] if match else message_id
