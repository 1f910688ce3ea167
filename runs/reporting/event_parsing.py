"""Converts the objects that a reporter sends into events, with limits for each field."""

import math
import re
from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from crews.models.agent import NAME_CHARS
from crews.text import storable
from runs.execution.redaction import redact
from runs.reporting.reported_kinds import KINDS, Beat, InvalidEvent, ReportedEvent

NESTED = {dict, list}  # the types of objects and lists of JSON
DEPTH = 32  # levels of objects and lists in an event
LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()

# Longer texts are shortened to these numbers of characters.
LIMITS = {
    "boot.name": 100, "task_start.name": 100, "agent_start.name": NAME_CHARS, "role": 100,
    "message": 500, "detail": 500,
    "tool": 40, "provider": 100, "model": 100, "finish_reason": 100,
    "output": 16_384, "input": 16_384,
}  # fmt: skip
SHOWN = frozenset({"name", "role"})  # redacted here; what else is shown is redacted when it is kept
SEARCHED = 2_000  # characters of them
PARAMS_LIMIT = 40_000  # characters of the parameters of a call, as JSON
CUT = {
    kind: {
        name: limit
        for name in kind.__struct_fields__
        if (limit := LIMITS.get(f"{tag}.{name}") or LIMITS.get(name))
    }
    for tag, kind in KINDS.items()
}


def event_of(raw: dict[str, Any]) -> ReportedEvent:
    """Convert the object ``raw`` to its event. Raises ``InvalidEvent``."""
    if not is_shallow(raw):
        raise InvalidEvent("malformed", f"The event is nested deeper than {DEPTH} levels.")
    kind = KINDS.get(raw["type"]) if isinstance(raw.get("type"), str) else None
    if kind is None:
        detail = f"There is no such type. Choose one of: {', '.join(KINDS)}."
        raise InvalidEvent("unknown_type", detail)
    limits, given = CUT[kind], {}
    for name, value in raw.items():
        if value is None:
            continue
        if name in limits and isinstance(value, str):
            if name in SHOWN:  # before it is cut: no pattern may know a part of a secret
                value = redact(value[:SEARCHED])
            value = value[: limits[name]]
        given[name] = storable(value)
    try:
        event = msgspec.convert(given, kind)
        event.at = _seconds(event.at)
    except (msgspec.ValidationError, OverflowError) as error:
        raise InvalidEvent("invalid", described(str(error), kind)) from error
    if event.id is None and kind is not Beat:
        raise InvalidEvent("invalid", "id: is missing.")
    return event


def redacted(name: str, text: str | None) -> str:
    """Return the field's text without secrets, cut again: a replacement may be longer."""
    return redact(text)[: LIMITS[name]] if text else ""


def is_shallow(value: Any) -> bool:
    """Whether ``value`` has at most ``DEPTH`` levels."""
    level = [value]
    for _ in range(DEPTH + 1):
        level = [
            item
            for each in level
            for item in (each.values() if type(each) is dict else each)
            if type(item) in NESTED
        ]
        if not level:
            return True
    return False


def _seconds(at: float | str | None) -> float | None:
    if isinstance(at, str):
        try:
            moment = datetime.fromisoformat(at)
        except ValueError:
            raise InvalidEvent("invalid", "at: is no time as RFC 3339 has it.") from None
        if moment.tzinfo is None:
            raise InvalidEvent("invalid", "at: has no offset; end it with Z for UTC.")
        at = moment.timestamp()
    if at is not None and not (math.isfinite(at) and 0 <= at <= LATEST):
        raise InvalidEvent("invalid", "at: is no time between 1970 and 9000.")
    return at


def described(error: str, kind: type[msgspec.Struct]) -> str:
    """Return msgspec's message with the field first: ``duration_s: Expected `float` >= 0.0``."""
    missing = re.fullmatch(r"Object missing required field `(\w+)`.*", error)
    if missing:
        return f"{missing[1]}: is missing."
    what, _, where = error.partition(" - at `$.")
    if not where:
        return f"{error}."
    field = where.rstrip("`")
    if what.startswith("Invalid enum value"):
        hint = get_type_hints(kind)[field.partition("[")[0]]
        what += f". Choose one of: {', '.join(_choices(hint))}"
    return f"{field}: {what}."


def _choices(hint: Any) -> list[str]:
    """The texts that a field with this type may have."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [choice for each in get_args(hint) for choice in _choices(each)]
