"""Decodes an OTLP request in protobuf, with the official messages."""

from collections.abc import Container, Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from runs.reporting.otlp.attribute_names import WANTED
from runs.reporting.otlp.spans import (
    SPAN_TEXT_LIMIT,
    Malformed,
    Span,
    check_groups,
    checked,
    remote_parent,
)

DEPTH = 8  # levels of lists and maps in an attribute that is read


def spans_in(body: bytes, wanted: Container[str] = WANTED) -> Iterator[Span | Malformed]:
    """Yield each span, or why it cannot be used. Raises ``ValueError`` if nothing can be read."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise ValueError("The body is no ExportTraceServiceRequest.") from error
    check_groups(request.resource_spans)
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        check_groups(of_resource.scope_spans)
        for of_scope in of_resource.scope_spans:
            for raw in of_scope.spans:
                try:
                    yield _span(raw, resource, wanted)
                except Malformed as error:
                    yield error


def _span(raw: Any, resource: dict[str, Any], wanted: Container[str]) -> Span:
    return checked(
        Span(
            trace_id=raw.trace_id.hex(),
            span_id=raw.span_id.hex(),
            parent_id=raw.parent_span_id.hex(),
            name=raw.name[:SPAN_TEXT_LIMIT],
            start=raw.start_time_unix_nano / 1e9,
            end=raw.end_time_unix_nano / 1e9,
            attributes=_attributes(raw.attributes, wanted),
            resource=resource,
            exceptions=[
                _attributes(event.attributes) for event in raw.events if event.name == "exception"
            ],
            code=raw.status.code,
            description=raw.status.message[:SPAN_TEXT_LIMIT],
            parent_is_remote=remote_parent(raw.flags),
        )
    )


def _attributes(pairs: Iterable[Any], wanted: Container[str] = WANTED) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs if pair.key in wanted}


def _value(value: Any, depth: int = 0) -> Any:
    if text := value.string_value:  # as most are; it is empty if the value is of another kind
        return text[:SPAN_TEXT_LIMIT]
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return ""
    if kind == "array_value" and depth < DEPTH:
        return [_value(item, depth + 1) for item in value.array_value.values[:100]]
    if kind == "kvlist_value" and depth < DEPTH:
        pairs = value.kvlist_value.values[:100]
        return {pair.key: _value(pair.value, depth + 1) for pair in pairs}
    if kind in ("bool_value", "int_value", "double_value"):
        return getattr(value, kind)
    return None  # bytes are used by no attribute that is read
