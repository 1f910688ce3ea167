"""Odd spans: what is rejected, what is ignored, and what any attribute may hold."""

import json

import pytest
from genai_prices import Usage, calc_price
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from crews.models import Crew
from runs.models import ModelCall, Run, ToolExecution, Trace
from runs.tests.reporting.otlp.conftest import (
    PROTOBUF,
    let_end,
    one,
    protobuf_of,
    recorded,
    sent,
    spans_of,
    with_spans,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"traceId": "xyz"}, "traceId: must be hex"),
        ({"traceId": 7}, "traceId: must be hex"),
        ({"traceId": "0" * 32}, "traceId: must have 16 bytes and not be zero"),
        ({"traceId": "qrvM3e7/qrvM3e7/qrvM3Q=="}, "traceId: must be hex"),
        ({"spanId": "ab"}, "spanId: must have 8 bytes and not be zero"),
        ({"parentSpanId": "ab"}, "parentSpanId: must have 8 bytes"),
        ({"parentSpanId": "b" * 16}, "parentSpanId: is the span itself"),
        ({"startTimeUnixNano": None}, "startTimeUnixNano: is missing"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano: must be a whole number"),
        ({"startTimeUnixNano": "-1"}, "startTimeUnixNano: is out of range"),
        ({"endTimeUnixNano": "9" * 30}, "endTimeUnixNano: is out of range"),
    ],
)
def test_an_unusable_span_is_rejected_and_its_neighbours_are_not(exporter, fields, why):
    bad, good = one(**fields), one()
    bad["resourceSpans"] += good["resourceSpans"]
    response = sent(exporter, bad)
    assert response.status_code == 200
    partial = response.json()["partialSuccess"]
    assert partial == {"rejectedSpans": "1", "errorMessage": why}
    assert ToolExecution.objects.count() == 1


def test_rejected_spans_are_counted_in_protobuf(exporter, acme):
    acme.organization.reports_create = False
    acme.organization.save()
    response = exporter.post(protobuf_of(recorded("mcp")), PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    assert partial.rejected_spans == 5
    assert "There is no crew weather-desk" in partial.error_message
    assert not Trace.objects.exists()


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"doubleValue": "NaN"},
        {"intValue": "7"},
        {"intValue": "many"},
        {"bytesValue": "AAE="},
        {"arrayValue": {"values": [{}, {"stringValue": "a"}]}},
        {"arrayValue": {}},
        {"kvlistValue": {"values": [{"key": "a", "value": {}}]}},
        {"stringValue": "\u0000 \ud800"},
        {"stringValue": '{"city": "Oslo"}'},
        {"stringValue": "{" * 9_000},
        {"stringValue": '{"a":' * 5_000},
        None,
        7,
    ],
)
@pytest.mark.parametrize("key", ["gen_ai.tool.call.arguments", "gen_ai.agent.name", "error.type"])
def test_any_value_is_taken(exporter, key, value):
    response = sent(exporter, one(more=[{"key": key, "value": value}]))
    assert (response.status_code, response.json()) == (200, {})
    assert ToolExecution.objects.count() == 1


def test_spans_that_are_no_part_of_a_crew_are_accepted_and_ignored(exporter):
    request = one()
    request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = [
        {"key": "http.request.method", "value": {"stringValue": "GET"}}
    ]
    assert sent(exporter, request).json() == {}
    assert not Trace.objects.exists()
    assert not Crew.objects.filter(slug="opentelemetry").exists()


@pytest.mark.parametrize(
    ("resource", "slug"),
    [
        ({"service.name": "Weather Desk"}, "weather-desk"),
        ({"service.name": "x", "crewops.crew": "nightly"}, "nightly"),
        ({"service.name": "天気"}, "crew-"),
        ({}, "opentelemetry"),
    ],
)
def test_the_resource_names_the_crew(exporter, resource, slug):
    request = one()
    pairs = [{"key": key, "value": {"stringValue": value}} for key, value in resource.items()]
    request["resourceSpans"][0]["resource"] = {"attributes": pairs}
    assert sent(exporter, request).json() == {}
    assert Run.objects.get().crew.slug.startswith(slug)


MESSAGES = [
    {"role": "user", "parts": [{"type": "text", "content": "Hello?"}]},
    {"role": "assistant", "parts": [{"type": "tool_call", "name": "fetch"}]},
]
READ = 'user: Hello?\n\nassistant: {"type": "tool_call", "name": "fetch"}'


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("gen_ai.input.messages", json.dumps(MESSAGES), READ),
        ("gen_ai.input.messages", "[cut", "[cut"),
        ("gen_ai.input.messages", '[1, {"a": 2}]', '[1, {"a": 2}]'),
        ("input.value", "Hello?", "Hello?"),
        ("input.value", '[{"content": [{"text": "Hello?"}, "you"]}]', "Hello?\nyou"),
    ],
)
@pytest.mark.parametrize("is_kept", [True, False])
def test_text_of_model_calls_is_stored_where_the_organization_allows_it(
    exporter, acme, name, value, shown, is_kept
):
    acme.organization.keeps_model_text = is_kept
    acme.organization.save()
    pairs = [("gen_ai.operation.name", "chat"), (name, value), ("output.value", "Hi.")]
    attributes = [{"key": key, "value": {"stringValue": text}} for key, text in pairs]
    assert sent(exporter, one(attributes=attributes)).json() == {}
    call = ModelCall.objects.unscoped().get()
    texts = list(call.texts.order_by("part").values_list("part", "text"))
    assert texts == ([("input", shown), ("output", "Hi.")] if is_kept else [])
    assert call.first_token_s is None


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("who_counts", ["both", "library", "nobody"])
def test_a_model_call_with_two_spans_counts_its_tokens_once(exporter, who_counts, order):
    """The anthropic client makes a span of its own below the span of a framework."""
    request = recorded("pydantic_ai")
    spans = spans_of(request)
    calls = [span for span in spans if span["name"].startswith("chat")]
    for number, call in enumerate(calls):
        inner = {**call, "spanId": f"{number + 1:016x}", "parentSpanId": call["spanId"]}
        inner |= {"name": "anthropic.messages.create"}
        inner["attributes"] = [pair for pair in call["attributes"] if not _names_agent(pair)]
        if who_counts == "nobody":
            inner["attributes"] = [pair for pair in inner["attributes"] if not _is_usage(pair)]
        if who_counts != "both":
            call["attributes"] = [pair for pair in call["attributes"] if not _is_usage(pair)]
        spans.insert(0, inner)
    for span in spans[::order]:
        exporter.send(with_spans(request, [span]))
    let_end()
    tokens = list(ModelCall.objects.values_list("input_tokens", flat=True))
    assert sum(each or 0 for each in tokens) == (0 if who_counts == "nobody" else 500)
    assert len(tokens) == (10 if who_counts == "library" else 5)


@pytest.mark.parametrize("levels", [40, 500, 900])
@pytest.mark.parametrize("has_agent", [True, False])
def test_arguments_that_are_nested_deeply_lose_nothing_else(exporter, levels, has_agent):
    request = recorded("agent_framework")
    *children, root = spans_of(request)
    tool = next(span for span in children if "get_map" in span["name"])
    pair = {"key": "gen_ai.tool.call.arguments"}
    pair["value"] = {"stringValue": '{"a": ' * levels + "1" + "}" * levels}
    kept = [pair for pair in tool["attributes"] if pair["key"] != "gen_ai.tool.call.arguments"]
    tool["attributes"] = [*kept, pair]
    assert exporter.send(with_spans(request, [tool, root] if has_agent else [tool])) == {}
    if not has_agent:
        exporter.send(with_spans(request, [root]))
    shown = ToolExecution.objects.get()
    assert (shown.tool, shown.task_execution.agent_id) == ("get_map", "orion")
    read = {"value": "Nested too deeply to be shown."}
    assert shown.params == read or (levels == 900 and [*shown.params] == ["value"])


@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "llm.token_count.prompt_details.cache_write",
    ],
)
def test_tokens_that_are_written_to_a_cache_have_their_own_price(exporter, name):
    texts = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic"}
    texts |= {"gen_ai.request.model": "claude-sonnet-4-5"}
    counts = {"gen_ai.usage.input_tokens": 9_000, "gen_ai.usage.output_tokens": 10, name: 8_000}
    pairs = [{"key": key, "value": {"stringValue": text}} for key, text in texts.items()]
    pairs += [{"key": key, "value": {"intValue": str(count)}} for key, count in counts.items()]
    exporter.send(one(attributes=pairs))
    usage = Usage(input_tokens=9_000, output_tokens=10, cache_write_tokens=8_000)
    paid = calc_price(usage, "claude-sonnet-4-5", provider_id="anthropic").total_price
    call = ModelCall.objects.unscoped().get()
    assert (call.cost_usd, call.input_tokens) == (paid, 9_000)


def _names_agent(pair) -> bool:
    return pair["key"] in ("gen_ai.agent.name", "agent_name")


def _is_usage(pair) -> bool:
    return pair["key"].startswith("gen_ai.usage")
