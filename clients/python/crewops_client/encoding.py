"""Encode the events that callers put on the queue as the lines that are sent."""

import json
import math
from collections.abc import Iterable
from typing import Any

# Limits within the 64 KiB that an event may have, however JSON escapes the characters.
OUTPUT = 8_000
EVENT = 60_000  # bytes
IDENTIFIER = 200
PIECES = {"tool_progress": "execution_id", "llm_progress": "call_id"}  # by the call's id
CUTTABLE = ("input", "output", "message", "params")

# (run, kind, at, id, fields). A number as the id gets a prefix when it is encoded, a text does not.
Item = tuple[str, str, float, int | str, dict[str, Any]]

_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def identifier(value: object) -> str:
    """Return an id of the host program in the form that the wire contract allows."""
    text = value if type(value) is str else str(value)
    return text[:IDENTIFIER] or "-"


def merged(items: Iterable[Item]) -> list[Item]:
    """Return ``items`` with adjacent outputs of one tool or model call merged into one event."""
    result: list[Item] = []
    for item in items:
        fields = item[4]
        of = PIECES.get(item[1])
        if of and result and len(fields) == 2 and "output" in fields:
            last = result[-1]
            before = last[4]
            if (
                last[1] == item[1]
                and last[0] == item[0]
                and len(before) == 2
                and "output" in before
                and before[of] == fields[of]
                and len(before["output"]) + len(fields["output"]) <= OUTPUT
            ):
                together = {**before, "output": before["output"] + fields["output"]}
                result[-1] = (*last[:4], together)
                continue
        result.append(item)
    return result


def encode(item: Item, prefix: str) -> bytes:
    """Return the event as one line of NDJSON, with its line feed."""
    run, kind, at, number, fields = item
    event_id = number if type(number) is str else f"{prefix}{number}"
    event = {"id": event_id, "run": run, "type": kind, "at": round(at, 6), **fields}
    line = _line(event)
    if len(line) > EVENT:
        line = _line(
            {key: _cut(value) if key in CUTTABLE else value for key, value in event.items()}
        )
    return line


def _line(event: dict[str, Any]) -> bytes:
    try:
        return (_dumps(event) + "\n").encode()
    except (TypeError, ValueError, RecursionError):  # not a JSON value, NaN, half a surrogate pair
        return (json.dumps(_plain(event, 0), separators=(",", ":")) + "\n").encode()


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int | None):
        return value
    if depth < 20 and isinstance(value, dict):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if depth < 20 and isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return f"<{type(value).__name__}>"


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value[:2_000] + "…" if len(value) > 2_000 else value
    return {"value": _dumps(_plain(value, 0))[:8_000] + "…"}
