"""The event vocabulary of the wire contract, JSON-safe by construction.

An ``Event`` is what happened; ``encode`` makes the one text of it that is logged, published and sent.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from crews.text import UNSAFE

EVENT_LIMIT = 64 * 1024  # bytes of JSON
TEXT_LIMIT = 4_000  # characters a text keeps when its event is too long
DEPTH_LIMIT = 20  # levels of nested values
SAFE_INTEGER = 2**53  # beyond, JavaScript does not tell neighbours apart


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``data`` holds the fields of its type, ids as text."""

    type: str
    crew_id: str
    run_id: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


def encode(event: Event, *, seq: int, timestamp: datetime) -> str:
    """The event's JSON text, at most 64 KiB; a longer one is cut and marked ``"truncated": true``."""
    frame = {
        "type": event.type,
        "seq": seq,
        "timestamp": stamp(timestamp),
        "crew_id": event.crew_id,
    }
    if event.run_id is not None:
        frame["run_id"] = event.run_id
    frame |= clean(event.data)
    text = dump(frame)
    if len(text) * 4 > EVENT_LIMIT and len(text.encode()) > EVENT_LIMIT:
        text = dump(_cut(frame))
    return text


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with a ``Z`` and microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def dump(frame: dict[str, Any]) -> str:
    return json.dumps(frame, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def clean(value: Any, depth: int = 0) -> Any:
    """``value`` as JSON can carry it everywhere.

    NUL and lone surrogates become U+FFFD, NaN and infinity ``None``, integers that JavaScript cannot
    hold text, keys text, and anything else (dates, UUIDs, decimals) its ``str()``.
    """
    if isinstance(value, str):
        return UNSAFE.sub("\ufffd", value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -SAFE_INTEGER < value < SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= DEPTH_LIMIT:
        return "…"
    if isinstance(value, dict):
        return {clean(str(key)): clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(item, depth + 1) for item in value]
    return clean(str(value))


def _cut(frame: dict[str, Any]) -> dict[str, Any]:
    """The frame with long texts shortened, and with emptied collections where that is not enough."""
    short = _walk(frame, lambda text: text[:TEXT_LIMIT])
    if len(dump(short).encode()) > EVENT_LIMIT - 32:
        short = {
            key: type(value)() if isinstance(value, list | dict) else value
            for key, value in short.items()
        }
    return short | {"truncated": True}


def _walk(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _walk(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, change) for item in value]
    return value
