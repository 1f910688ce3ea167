"""Decodes an OTLP request in JSON.

Protobuf's own JSON does not fit: it reads ids as base64, and OTLP writes them in hex.
"""

import json
import math
from collections.abc import Container, Iterator
from typing import Any

from runs.reporting.otlp.attribute_names import WANTED
from runs.reporting.otlp.protobuf import DEPTH
from runs.reporting.otlp.spans import (
    SPAN_TEXT_LIMIT,
    Malformed,
    Span,
    check_groups,
    checked,
    remote_parent,
)

CODES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}


def spans_in(body: bytes, wanted: Container[str] = WANTED) -> Iterator[Span | Malformed]:
    """Yield each span, or why it cannot be used. Raises ``ValueError`` if nothing can be read."""
    try:
        request = json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise ValueError("The body is not UTF-8.") from error
    except RecursionError as error:
        raise ValueError("The JSON is nested too deeply.") from error
    except ValueError as error:
        raise ValueError(f"The body is no JSON: {error}.") from error
    if not isinstance(request, dict):
        raise ValueError("The body is no ExportTraceServiceRequest: it must be an object.")
    check_groups(resources := _objects(request, "resourceSpans"))
    for of_resource in resources:
        attributes = _objects(_object(of_resource, "resource"), "attributes")
        resource = _attributes(attributes)
        check_groups(scopes := _objects(of_resource, "scopeSpans"))
        for of_scope in scopes:
            for raw in _objects(of_scope, "spans"):
                try:
                    yield _span(raw, resource, wanted)
                except Malformed as error:
                    yield error


def _span(raw: dict[str, Any], resource: dict[str, Any], wanted: Container[str]) -> Span:
    status = _object(raw, "status")
    code = status.get("code", 0)
    return checked(
        Span(
            trace_id=_id(raw, "traceId"),
            span_id=_id(raw, "spanId"),
            parent_id=_id(raw, "parentSpanId"),
            name=_text(raw.get("name")),
            start=_integer(raw, "startTimeUnixNano") / 1e9,
            end=_integer(raw, "endTimeUnixNano") / 1e9,
            attributes=_attributes(_objects(raw, "attributes"), wanted),
            resource=resource,
            exceptions=[
                _attributes(_objects(event, "attributes"))
                for event in _objects(raw, "events")
                if event.get("name") == "exception"
            ],
            code=CODES.get(code, 0) if isinstance(code, str) else _plain_int(code),
            description=_text(status.get("message")),
            parent_is_remote=remote_parent(_integer(raw, "flags")),
        )
    )


def _objects(holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = holder.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(f"{name}: must be a list of objects.")
    return value


def _object(holder: dict[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name) or {}
    if not isinstance(value, dict):
        raise ValueError(f"{name}: must be an object.")
    return value


def _id(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name) or ""
    try:
        return bytes.fromhex(value).hex()
    except (TypeError, ValueError):
        raise Malformed(f"{name}: must be hex") from None


def _integer(raw: dict[str, Any], name: str) -> int:
    """A whole number of 64 bits, which JSON has as a text or as a number."""
    value = raw.get(name) or 0
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        number = int(value) if not isinstance(value, str) or len(value) <= 20 else -1
    except (ValueError, OverflowError):
        raise Malformed(f"{name}: must be a whole number") from None
    if not 0 <= number < 2**64:
        raise Malformed(f"{name}: is out of range")
    return number


def _plain_int(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _text(value: Any) -> str:
    return value[:SPAN_TEXT_LIMIT] if isinstance(value, str) else ""


def _attributes(pairs: list[dict[str, Any]], wanted: Container[str] = WANTED) -> dict[str, Any]:
    read = {}
    for pair in pairs:
        key = pair.get("key")
        if isinstance(key, str) and key in wanted:
            read[key] = _value(pair.get("value"))
    return read


def _value(value: Any, depth: int = 0) -> Any:
    """The plain value of an AnyValue. ``{}`` is no value; NaN is a text; a 64-bit int is a text."""
    if not isinstance(value, dict) or depth > DEPTH:
        return None
    if "stringValue" in value:
        return _text(value["stringValue"])
    if "boolValue" in value:
        return value["boolValue"] is True
    if "intValue" in value:
        return _number(value["intValue"], int)
    if "doubleValue" in value:
        number = _number(value["doubleValue"], float)
        return number if number is None or math.isfinite(number) else None
    if "arrayValue" in value:
        items = _list(value["arrayValue"])
        return [_value(item, depth + 1) for item in items]
    if "kvlistValue" in value:
        pairs = [pair for pair in _list(value["kvlistValue"]) if isinstance(pair, dict)]
        return {str(pair.get("key")): _value(pair.get("value"), depth + 1) for pair in pairs}
    return None  # none, or bytes, which no attribute that is read uses


def _list(value: Any) -> list[Any]:
    values = value.get("values") if isinstance(value, dict) else None
    return values[:100] if isinstance(values, list) else []


def _number(value: Any, kind: type[int] | type[float]) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return kind(value[:40] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
