"""Values of other programs, cut to the limits of an event."""

import json
from collections.abc import Iterator
from typing import Any

from runs.reporting.event_parsing import LIMITS, PARAMS_LIMIT, is_shallow

STRING = 2_000  # characters of a string in longer parameters
OUTPUT = 4 * LIMITS["output"]  # characters of what a tool returned


def bounded(value: Any) -> Any:
    """Return ``value`` as parameters of a tool; if it is large, its texts are cut."""
    if not is_shallow({"params": value}):
        return {"value": "Nested too deeply to be shown."}
    if len(json.dumps(value)) <= PARAMS_LIMIT:
        return value
    cut = _cut(value)
    text = json.dumps(cut)
    return cut if len(text) <= PARAMS_LIMIT else {"value": f"{text[:STRING]}…"}


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= STRING else f"{value[:STRING]}…"
    if isinstance(value, dict):
        return {name[:200]: _cut(item) for name, item in value.items()}
    return [_cut(item) for item in value] if isinstance(value, list) else value


def text_of(value: Any) -> str:
    """Return what a tool gave back as text: its output, the content of a file, or JSON."""
    match value:
        case None:
            return ""
        case str():
            return value
        case {"stdout": str(out), "stderr": str(err)}:
            return f"{out}\n{err}" if out and err else out or err
        case {"file": {"content": str(content)}}:
            return content
        case list() if value and all(_is_text(item) for item in value):
            return "\n".join(item["text"] for item in value)
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "Nested too deeply to be shown."


def _is_text(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "text" and type(item.get("text")) is str


def pieces(text: str) -> Iterator[str]:
    """Yield ``text`` in parts that fit into an event.

    They end with a line where they can, because secrets are looked for in each part.
    """
    limit, start = LIMITS["output"], 0
    text = text if len(text) <= OUTPUT else f"{text[: OUTPUT - 1]}…"
    while start < len(text):
        end = start + limit
        if end < len(text):
            end = text.rfind("\n", start, end) + 1 or end
        yield text[start:end]
        start = end
