"""Encodes an event as JSON text, once. The same text is then logged, published and sent."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

import msgspec

from crews.text import storable
from runs.events.kinds import Event

EVENT_LIMIT = 64 * 1024  # bytes of JSON
LONG_EVENT_TEXT_LIMIT = 4_000  # characters kept of a text if its event is too long
DEPTH_LIMIT = 20  # levels of nested values
FRAME = 100  # at least the bytes of seq and timestamp
PLAIN = {str, int, float, bool, type(None), msgspec.UnsetType}
NESTED = {dict, list}
PLAIN_OR_NESTED = PLAIN | NESTED
NUL = rb"\u0000"  # as JSON
SAFE_INTEGER = 2**53  # from here on, JavaScript cannot distinguish neighbouring integers


def encode(event: Event, *, seq: int, timestamp: datetime) -> str:
    """Return the event's JSON text, at most 64 KiB.

    A longer event is shortened and marked ``"truncated": true``. Raises ``msgspec.ValidationError``
    if a field does not have the type that its kind declares.
    """
    if (text := _encode_plain(event, seq, timestamp)) is not None:
        return text
    fields = clean({name: getattr(event, name) for name in event.__struct_fields__})
    msgspec.convert(fields | {"type": event.type}, type(event))
    frame = {"type": event.type, "seq": seq, "timestamp": iso_utc(timestamp)} | fields
    text = dump(frame)
    if len(text) * 4 > EVENT_LIMIT and len(text.encode()) > EVENT_LIMIT:
        text = dump(_cut(frame))
    return text


def _encode_plain(event: Event, seq: int, timestamp: datetime) -> str | None:
    """The same in a fifth of the time, for nearly all events. ``None``: this one is no such event.

    msgspec checks and writes the event as it is. Only what `clean` would change needs more.
    """
    values = msgspec.structs.astuple(event)
    kinds = {*map(type, values)}
    if not kinds <= PLAIN_OR_NESTED or (
        int in kinds and any(type(value) is int and abs(value) >= SAFE_INTEGER for value in values)
    ):
        return None
    if not kinds.isdisjoint(NESTED):
        given = zip(event.__struct_fields__, values, strict=True)
        nested = {name: clean(value, 1) for name, value in given if type(value) in NESTED}
        event = msgspec.structs.replace(event, **nested)
    try:
        written = msgspec.json.encode(event)
    except UnicodeEncodeError:  # half a surrogate pair
        return None
    if len(written) > EVENT_LIMIT - FRAME or NUL in written:
        return None
    _decoder(type(event)).decode(written)
    start = f'{{"type":"{event.type}",'
    about = f'"seq":{seq},"timestamp":"{iso_utc(timestamp)}",'
    return f"{start}{about}{written[len(start) :].decode()}"


@cache
def _decoder(kind: type[Event]) -> msgspec.json.Decoder:
    return msgspec.json.Decoder(kind)


@lru_cache(maxsize=16)  # all events of an append have the same
def iso_utc(moment: datetime) -> str:
    """ISO 8601 in UTC with a ``Z`` and microseconds: its order is that of time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def dump(frame: dict[str, Any] | msgspec.Struct) -> str:
    """Return ``frame`` as compact JSON. Its values have to be as `clean` returns them."""
    return msgspec.json.encode(frame).decode()


def clean(value: Any, depth: int = 0) -> Any:
    """Return ``value`` in a form that every JSON parser can read.

    NUL and lone surrogates become U+FFFD. NaN and infinity become ``None``. Integers that
    JavaScript cannot represent, keys, and other types (dates, UUIDs, decimals) become ``str()``.
    """
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -SAFE_INTEGER < value < SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= DEPTH_LIMIT:
        return "…"
    if isinstance(value, dict):
        return {
            storable(str(key)): clean(item, depth + 1)
            for key, item in value.items()
            if item is not msgspec.UNSET
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(item, depth + 1) for item in value]
    return clean(str(value))


def _cut(frame: dict[str, Any]) -> dict[str, Any]:
    """Shorten long texts. If that is not enough, empty the frame's collections too."""
    short = _walk(frame, lambda text: text[:LONG_EVENT_TEXT_LIMIT])
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
