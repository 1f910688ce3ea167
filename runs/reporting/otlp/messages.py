"""The text of a model call's messages, as people read it."""

import json
from collections.abc import Sequence
from typing import Any

from runs.reporting.otlp.dialects import parsed
from runs.reporting.otlp.spans import Span


def text_in(span: Span, names: Sequence[str]) -> str | None:
    """The first of these attributes: ``role: text`` of each message, else the text as it is."""
    if (value := span.value(*names)) is None:
        return None
    try:
        return _text_of(parsed(value))
    except RecursionError:
        return str(value)


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        messages = [_message(each) for each in value if isinstance(each, dict)]
        if messages and all(messages):
            return "\n\n".join(messages)
    return json.dumps(value, ensure_ascii=False)


def _message(message: dict[str, Any]) -> str:
    """Empty if it is no message: it has ``parts`` by the semantic conventions, else ``content``."""
    parts = message.get("parts", message.get("content"))
    parts = parts if isinstance(parts, list) else [parts]
    text = "\n".join(_part(part) for part in parts if part)
    role = message.get("role")
    return f"{role}: {text}" if isinstance(role, str) and text else text


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    for name in ("content", "text"):
        if isinstance(part, dict) and isinstance(part.get(name), str):
            return part[name]
    return json.dumps(part, ensure_ascii=False)  # a call of a tool, its result, an image
