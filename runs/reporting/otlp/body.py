"""Reads a request of `POST /v1/traces` and writes its answers, as OTLP over HTTP has them."""

import json
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from rest_framework.exceptions import ParseError

from runs.reporting.otlp import json_form, protobuf, protobuf_size_check
from runs.reporting.otlp.attribute_names import WANTED, WANTED_WITH_TEXT
from runs.reporting.otlp.spans import Malformed, Span
from runs.reporting.report_body import TooLarge, Unsupported, inflated

JSON, PROTOBUF = "application/json", "application/x-protobuf"
BODY_BYTES = 20 * 1024 * 1024  # as sent and as unpacked: 512 spans of 40 KiB
SPANS_AT_MOST = 10_000
# Messages of protobuf; objects and lists of JSON. Twice as many as 10,000 spans with 50 attributes
# have. An empty one takes 2 bytes of a body, and thirty times as much memory.
OBJECTS_AT_MOST = 2_000_000
FIELDS_AT_MOST = 2 * OBJECTS_AT_MOST  # of protobuf
SMALL_BYTES = 2 * OBJECTS_AT_MOST  # such a body cannot have more of them


def media_type(content_type: str) -> str:
    """Return the format of the request; answers use the same. Raises ``Unsupported``."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (JSON, PROTOBUF):
        raise Unsupported(f"Send spans as {PROTOBUF} or {JSON}.")
    return kind


def spans_in(
    body: bytes, *, kind: str, encoding: str, with_text: bool = False
) -> tuple[list[Span], list[str]]:
    """Return the spans of the body, and a sentence for each that cannot be used.

    ``with_text``: they include the text of model calls.
    """
    body = inflated(body, encoding.strip().lower(), limit=BODY_BYTES)
    if len(body) > BODY_BYTES:
        raise TooLarge(f"The body has more than {BODY_BYTES} bytes. Send fewer spans a call.")
    spans: list[Span] = []
    unusable: list[str] = []
    try:
        if len(body) > SMALL_BYTES and not _is_within(body, kind):
            raise TooLarge(f"A call has at most {OBJECTS_AT_MOST} objects. Send two calls.")
        wanted = WANTED_WITH_TEXT if with_text else WANTED
        for span in (protobuf if kind == PROTOBUF else json_form).spans_in(body, wanted):
            if isinstance(span, Malformed):
                unusable.append(str(span))
            else:
                spans.append(span)
            if len(spans) + len(unusable) > SPANS_AT_MOST:
                raise TooLarge(f"A call has at most {SPANS_AT_MOST} spans. Send two calls.")
    except ValueError as error:
        raise ParseError(str(error)) from error
    return spans, unusable


def _is_within(body: bytes, kind: str) -> bool:
    if kind == PROTOBUF:
        return protobuf_size_check.is_within(body, messages=OBJECTS_AT_MOST, fields=FIELDS_AT_MOST)
    return body.count(b"{") + body.count(b"[") <= OBJECTS_AT_MOST


def answer(kind: str, *, rejected: int, message: str) -> bytes:
    """An ExportTraceServiceResponse; it is empty if every span was accepted."""
    if kind == JSON:
        partial = {"rejectedSpans": str(rejected), "errorMessage": message}
        return json.dumps({"partialSuccess": partial} if rejected else {}).encode()
    response = ExportTraceServiceResponse()
    if rejected:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = message
    return response.SerializeToString()


def refusal(kind: str, problem: dict[str, Any]) -> bytes:
    """A google.rpc.Status with the problem's sentence. Its package is not needed for one field."""
    if kind == JSON:
        return json.dumps({**problem, "message": problem["detail"]}).encode()
    text = problem["detail"].encode()
    return b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
