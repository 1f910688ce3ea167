"""`POST /v1/traces`: answers, limits, odd values and bad input."""

import gzip
import json
import tracemalloc
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from runs.models import ModelCall, Run, ToolExecution, Trace
from runs.reporting.otlp import body
from runs.tests.reporting.otlp.conftest import (
    JSON,
    PROTOBUF,
    Exporter,
    one,
    protobuf_of,
    recorded,
    sent,
    spans_of,
    with_spans,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/traces/"])
@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
def test_both_formats_are_taken_and_answered_in_kind(exporter, path, pack, kind):
    request = recorded("mcp")
    content = protobuf_of(request) if kind == PROTOBUF else json.dumps(request).encode()
    headers = {"HTTP_CONTENT_ENCODING": "gzip"} if pack else {}
    content = gzip.compress(content) if pack else content
    response = exporter.post(content, kind, path, **headers)
    assert (response.status_code, response["Content-Type"]) == (200, kind)
    assert response.content == (b"" if kind == PROTOBUF else b"{}")
    assert Run.objects.count() == 1


@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
def test_a_call_without_spans_tests_key_and_address(exporter, kind):
    assert exporter.post(b"{}" if kind == JSON else b"", kind).status_code == 200
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("content", "kind", "headers", "status", "code"),
    [
        (b"no json", JSON, {}, 400, "parse_error"),
        (b"[]", JSON, {}, 400, "parse_error"),
        (b'{"resourceSpans": 1}', JSON, {}, 400, "parse_error"),
        (b'{"resourceSpans": [1]}', JSON, {}, 400, "parse_error"),
        (b'{"resourceSpans": [{"resource": 1}]}', JSON, {}, 400, "parse_error"),
        (b"\xff\xfe", JSON, {}, 400, "parse_error"),
        (b"[" * 100_000, JSON, {}, 400, "parse_error"),
        (b"\xff\xff", PROTOBUF, {}, 400, None),
        (b"{}", "text/plain", {}, 415, "unsupported_media_type"),
        (b"{}", "", {}, 415, "unsupported_media_type"),
        (b"{}", JSON, {"HTTP_CONTENT_ENCODING": "br"}, 415, "unsupported_media_type"),
        (b"{}", JSON, {"HTTP_CONTENT_ENCODING": "gzip"}, 400, "parse_error"),
        (
            gzip.compress(b"{}", mtime=0)[:-4],
            JSON,
            {"HTTP_CONTENT_ENCODING": "gzip"},
            400,
            "parse_error",
        ),
    ],
)
def test_bad_calls_are_refused_with_a_sentence(exporter, content, kind, headers, status, code):
    response = exporter.post(content, kind, **headers)
    assert response.status_code == status
    if kind == PROTOBUF:  # a Status: field 2 is its message
        assert response["Content-Type"] == PROTOBUF
        assert response.content[:1] == b"\x12"
        assert b"ExportTraceServiceRequest" in response.content
    else:
        assert response.json()["code"] == code
        assert response.json()["detail"]
    assert not Run.objects.exists()


def test_gzip_that_expands_is_refused_before_it_fills_memory(exporter):
    content = gzip.compress(b" " * (body.BODY_BYTES * 4))
    assert len(content) < 200_000
    tracemalloc.start()
    response = exporter.post(content, HTTP_CONTENT_ENCODING="gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.status_code == 413
    assert str(body.BODY_BYTES) in response.json()["detail"]
    assert peak < body.BODY_BYTES * 2.5


def test_at_least_512_big_spans_are_one_call():
    big = {"key": "gen_ai.input.messages", "value": {"stringValue": "x" * 39_000}}
    request = one(more=[big])
    (span,) = spans_of(request)
    request = with_spans(request, [{**span, "spanId": f"{n:016x}"} for n in range(1, 513)])
    spans, unusable = body.spans_in(json.dumps(request).encode(), kind=JSON, encoding="")
    assert (len(spans), unusable) == (512, [])
    assert "gen_ai.input.messages" not in spans[0].attributes


def test_too_many_spans_are_refused(exporter, monkeypatch):
    monkeypatch.setattr(body, "SPANS_AT_MOST", 3)
    request = recorded("mcp")
    response = sent(exporter, request)
    assert response.status_code == 413
    assert not Run.objects.exists()


def test_two_organizations_may_send_the_same_trace(exporter, globex):
    theirs = Exporter(globex.issue_key("report")[1])
    for each in (exporter, theirs):
        assert each.send(recorded("mcp")) == {}
    assert {run.crew.organization for run in Run.objects.all()} == {
        trace.organization for trace in Trace.objects.all()
    }
    assert Run.objects.count() == 2


def test_only_a_key_with_the_scope_report_may_send(exporter, acme):
    content = protobuf_of(recorded("mcp"))
    watching = Exporter(acme.issue_key("watch")[1])
    assert watching.post(content, PROTOBUF).status_code == 403
    exporter.client.credentials()
    refused = exporter.post(content, PROTOBUF)
    assert (refused.status_code, refused["Content-Type"]) == (401, PROTOBUF)


def test_without_tls_it_is_refused_and_never_redirected(exporter, settings):
    settings.SECURE_SSL_REDIRECT = True
    response = exporter.post(json.dumps(recorded("mcp")).encode())
    assert response.status_code == 403
    assert "https://" in response.json()["message"]


def test_a_busy_database_is_503_with_a_short_wait(exporter, monkeypatch):
    def fail(*args: Any) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr("runs.reporting.otlp.traces.apply_events", fail)
    response = sent(exporter, one())
    assert response.status_code == 503
    assert 0 < int(response["Retry-After"]) <= 8


def test_too_many_calls_are_429_with_a_short_wait(exporter, settings):
    settings.REPORT_CALLS_PER_MINUTE = 1
    sent(exporter, {})
    response = sent(exporter, {})
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 8


def fifty(first: int) -> dict[str, Any]:
    """Half of them model calls, half of them tools, of one agent."""
    request = one()
    (span,) = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    chat = [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]
    request["resourceSpans"][0]["scopeSpans"][0]["spans"] = [
        span
        | {"spanId": f"{number:016x}", "parentSpanId": "f" * 16}
        | ({"attributes": [*span["attributes"][1:], *chat]} if number % 2 else {})
        for number in range(first, first + 50)
    ]
    return request


def test_fifty_spans_are_one_transaction_of_few_statements(exporter):
    sent(exporter, fifty(1))
    with CaptureQueriesContext(connection) as taken:
        sent(exporter, fifty(101))
    assert ModelCall.objects.count() == ToolExecution.objects.count() == 50
    sql = [query["sql"] for query in taken if "RETURNING name, head" in query["sql"]]
    assert len(sql) == 1  # one append
    assert len(taken) <= 35  # the key, the throttle and savepoints of this test included
