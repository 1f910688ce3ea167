"""What a request or a trace may cost: memory of a body, spans that are kept, work of a call."""

from datetime import timedelta

import pytest
from django.db.models import F
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from runs.models import AgentExecution, TraceSpan
from runs.reporting.otlp import body, protobuf_size_check, trace_request
from runs.reporting.otlp.body import JSON, PROTOBUF
from runs.reporting.report_body import TooLarge
from runs.tests.reporting.otlp.conftest import (
    VECTORS,
    final,
    let_end,
    protobuf_of,
    recorded,
    spans_of,
    with_spans,
)

RESOURCE = b"\x0a\x00"  # an empty one, as the whole content of a request
ATTRIBUTES = b"\x4a\x00" * 1_000_000  # empty ones, of a span
UNKNOWN = b"\x7a\x00" * 5_000_000  # fields that OTLP does not have


def field(number: int, content: bytes) -> bytes:
    length, parts = len(content), bytearray()
    while length > 0x7F:
        parts.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *parts, length]) + content


def spans(*each: bytes) -> bytes:
    """A request with these spans in one scope."""
    return field(1, field(2, b"".join(field(2, span) for span in each)))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (RESOURCE * 2_100_000, PROTOBUF),
        (spans(ATTRIBUTES, ATTRIBUTES, ATTRIBUTES), PROTOBUF),
        (UNKNOWN, PROTOBUF),
        (b'{"resourceSpans": [%s{}]}' % (b"{}," * 2_000_000), JSON),
    ],
)
def test_a_body_of_very_many_empty_objects_is_refused_before_it_is_decoded(
    content, kind, monkeypatch
):
    for decoder in ("protobuf", "json_form"):
        monkeypatch.setattr(body, decoder, None)
    with pytest.raises(TooLarge, match="Send two calls"):
        body.spans_in(content, kind=kind, encoding="")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (RESOURCE * 20_000, PROTOBUF),
        (field(1, b"\x12\x00" * 20_000), PROTOBUF),
        (b'{"resourceSpans": [%s{}]}' % (b"{}," * 20_000), JSON),
        (b'{"resourceSpans": [{"scopeSpans": [%s{}]}]}' % (b"{}," * 20_000), JSON),
    ],
)
def test_very_many_resources_and_scopes_are_refused(content, kind):
    with pytest.raises(TooLarge, match="resources or scopes"):
        body.spans_in(content, kind=kind, encoding="")


@pytest.mark.parametrize("name", VECTORS)
def test_the_messages_of_a_request_are_those_that_the_decoder_makes(name):
    content = protobuf_of(recorded(name))
    messages = made(ExportTraceServiceRequest.FromString(content))
    assert protobuf_size_check.is_within(content, messages=messages, fields=100_000)
    assert not protobuf_size_check.is_within(content, messages=messages - 1, fields=100_000)
    assert not protobuf_size_check.is_within(content, messages=messages, fields=messages)


def made(message) -> int:
    """How many messages there are below this one."""
    below = [
        each
        for field, value in message.ListFields()
        if field.message_type
        for each in (value if field.is_repeated else [value])
    ]
    return len(below) + sum(map(made, below))


@pytest.mark.parametrize(
    "content", [b"\x0a\x7f", b"\x0b\x00", b"\x08" + b"\xff" * 11, spans(b"\x4a\xff")]
)
def test_a_body_that_is_no_protobuf_is_not_counted(content):
    with pytest.raises(ValueError, match="The body"):
        protobuf_size_check.is_within(content, messages=1_000, fields=1_000)


def agents(count: int) -> dict:
    """A request with agents, each below a span that does not come."""
    request = recorded("pydantic_ai")
    span = next(each for each in spans_of(request) if each["name"] == "invoke_agent lyra")
    above = {"parentSpanId": "f" * 16}
    return with_spans(request, [span | above | {"spanId": f"{n + 1:016x}"} for n in range(count)])


@pytest.mark.django_db
def test_agents_above_the_limit_are_not_kept_and_end_at_once(exporter, monkeypatch):
    monkeypatch.setattr(trace_request, "SPANS_KEPT", 5)
    exporter.send(agents(5))
    assert AgentExecution.objects.filter(status="running").exists()
    request = agents(9)
    exporter.send(with_spans(request, spans_of(request)[5:]))
    assert TraceSpan.objects.count() == 5
    assert AgentExecution.objects.filter(status="succeeded").exists()
    let_end(901)
    assert final()[0]["run"][1] == "reporter_lost"


@pytest.mark.django_db
def test_spans_are_read_once_however_many_agents_end(exporter, monkeypatch):
    asked = []
    of = trace_request.children_of
    monkeypatch.setattr(
        trace_request, "children_of", lambda nodes: asked.append(len(nodes)) or of(nodes)
    )
    exporter.send(agents(20))
    TraceSpan.objects.update(received_at=F("received_at") - timedelta(seconds=8))
    exporter.send(agents(1))
    assert asked == [20]
    assert not AgentExecution.objects.filter(status="running").exists()


@pytest.mark.django_db
def test_agents_above_the_limit_do_not_wait_for_their_caller(exporter, monkeypatch):
    monkeypatch.setattr(trace_request, "HELD_AT_MOST", 10)
    exporter.send(agents(20))
    TraceSpan.objects.update(received_at=F("received_at") - timedelta(seconds=8))
    exporter.send(agents(1))
    assert not TraceSpan.objects.exclude(waits="").exists()
