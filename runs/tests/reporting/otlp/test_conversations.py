"""Traces of one conversation: which run a new trace continues."""

import pytest

from runs.models import Run
from runs.tests.reporting.otlp.conftest import Json, final, let_end, recorded, spans_of, with_spans

pytestmark = pytest.mark.django_db


def two_traces() -> tuple[Json, list[Json], list[Json]]:
    """A trace that was interrupted, and the one that continues it."""
    request = recorded("genai_langchain")
    first_id = spans_of(request)[0]["traceId"]
    first = [span for span in spans_of(request) if span["traceId"] == first_id]
    return request, first, [span for span in spans_of(request) if span["traceId"] != first_id]


def in_a_web_request(spans: list[Json]) -> list[Json]:
    """The spans below the span of an HTTP server, which has no status."""
    root = next(span for span in spans if not span.get("parentSpanId"))
    above = {**root, "spanId": "d" * 16, "name": "POST /ask", "status": {}, "events": []}
    above["attributes"] = [{"key": "http.request.method", "value": {"stringValue": "POST"}}]
    root["parentSpanId"] = above["spanId"]
    return [*spans, above]


def of_service(name: str, request: Json) -> Json:
    (of_resource,) = request["resourceSpans"]
    pairs = [{"key": "service.name", "value": {"stringValue": name}}]
    return {"resourceSpans": [{**of_resource, "resource": {"attributes": pairs}}]}


@pytest.mark.parametrize("has_root", [True, False])
def test_an_open_run_of_another_crew_is_not_continued(exporter, has_root):
    request, first, second = two_traces()
    first = first if has_root else first[:-1]
    exporter.send(of_service("one", with_spans(request, first)))
    exporter.send(of_service("two", with_spans(request, second)))
    runs = Run.objects.values_list("crew__slug", "reported__traces__trace_id")
    assert {*runs} == {("one", first[0]["traceId"]), ("two", second[0]["traceId"])}


def test_concurrent_traces_of_a_conversation_are_two_runs(exporter):
    request, first, second = two_traces()
    calls = [span for span in first if span["name"].startswith("chat")]
    exporter.send(with_spans(request, calls))  # nothing was interrupted yet
    exporter.send(with_spans(request, second))
    assert Run.objects.count() == 2


def test_a_trace_beside_the_one_that_continues_is_a_run_of_its_own(exporter):
    request, first, second = two_traces()
    exporter.send(with_spans(request, first))
    exporter.send(with_spans(request, second[1:2]))  # it continues the run, and goes on
    exporter.send(with_spans(request, [{**second[1], "traceId": "e" * 32}]))
    assert Run.objects.count() == 2
    exporter.send(with_spans(request, second))
    let_end()
    assert [run["run"][0] for run in final()] == ["succeeded", "running"]


def test_an_interrupt_in_a_web_request_waits_for_its_conversation(exporter):
    request, first, second = two_traces()
    exporter.send(with_spans(request, in_a_web_request(first)))
    let_end(800)
    assert Run.objects.get().status == "running"
    second = in_a_web_request(second)
    exporter.send(with_spans(request, second[:-1]))
    assert Run.objects.get().reported.traces.count() == 2
    exporter.send(with_spans(request, second[-1:]))
    let_end()
    (run,) = final()
    assert run["run"][0] == "succeeded"


def test_an_interrupt_in_a_web_request_that_nobody_answers_ends_late(exporter):
    request, first, _ = two_traces()
    exporter.send(with_spans(request, in_a_web_request(first)))
    let_end(901)
    assert final()[0]["run"][:2] == ("cancelled", "not_resumed")
