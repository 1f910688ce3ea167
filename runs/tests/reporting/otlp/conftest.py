"""Recorded spans, a program that sends them, and the run as it is in the end."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import models
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rest_framework.test import APIClient

from conftest import Tenant
from runs.execution import reaper
from runs.models import AgentExecution, Run, TaskExecution, ToolExecution

PATH = "/v1/traces"
VECTORS = sorted(path.stem for path in (Path(__file__).parent / "vectors").glob("*.json"))
BEGUN = 1_796_212_800  # the first second of each vector
JSON, PROTOBUF = "application/json", "application/x-protobuf"
Json = dict[str, Any]


def recorded(name: str) -> Json:
    """The request of a vector, a minute ago."""
    text = (Path(__file__).parent / "vectors" / f"{name}.json").read_text()
    request = json.loads(text)["request"]
    later = (int(time.time()) - 60 - BEGUN) * 10**9
    for span in spans_of(request):
        for name in ("startTimeUnixNano", "endTimeUnixNano"):
            span[name] = str(int(span[name]) + later)
    return request


def spans_of(request: Json) -> list[Json]:
    (of_resource,) = request["resourceSpans"]
    (of_scope,) = of_resource["scopeSpans"]
    return of_scope["spans"]


def with_spans(request: Json, spans: list[Json]) -> Json:
    (of_resource,) = request["resourceSpans"]
    (of_scope,) = of_resource["scopeSpans"]
    return {"resourceSpans": [{**of_resource, "scopeSpans": [{**of_scope, "spans": spans}]}]}


def protobuf_of(request: Json) -> bytes:
    """The same request in protobuf, made with the official messages."""
    message = ExportTraceServiceRequest()
    for of_resource in request["resourceSpans"]:
        resource = message.resource_spans.add()
        _attributes(resource.resource.attributes, of_resource["resource"]["attributes"])
        for of_scope in of_resource["scopeSpans"]:
            scope = resource.scope_spans.add()
            for raw in of_scope["spans"]:
                span = scope.spans.add(
                    trace_id=bytes.fromhex(raw["traceId"]),
                    span_id=bytes.fromhex(raw["spanId"]),
                    parent_span_id=bytes.fromhex(raw.get("parentSpanId", "")),
                    name=raw["name"],
                    flags=raw["flags"],
                    start_time_unix_nano=int(raw["startTimeUnixNano"]),
                    end_time_unix_nano=int(raw["endTimeUnixNano"]),
                )
                span.status.code = raw["status"].get("code", 0)
                span.status.message = raw["status"].get("message", "")
                _attributes(span.attributes, raw.get("attributes", []))
                for event in raw.get("events", []):
                    added = span.events.add(name=event["name"])
                    _attributes(added.attributes, event.get("attributes", []))
    return message.SerializeToString()


def _attributes(target: Any, pairs: list[Json]) -> None:
    for pair in pairs:
        _value(target.add(key=pair["key"]).value, pair["value"])


def _value(target: Any, value: Json) -> None:
    if "arrayValue" in value:
        target.array_value.SetInParent()
        for item in value["arrayValue"].get("values", []):
            _value(target.array_value.values.add(), item)
    elif "stringValue" in value:
        target.string_value = value["stringValue"]
    elif "intValue" in value:
        target.int_value = int(value["intValue"])
    elif "boolValue" in value:
        target.bool_value = value["boolValue"]


class Exporter:
    """Sends requests with a key."""

    def __init__(self, text: str) -> None:
        self.client = APIClient(raise_request_exception=False)
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")

    def post(self, body: bytes, content_type: str = JSON, path: str = PATH, **headers: str):
        return self.client.generic("POST", path, body, content_type=content_type, **headers)

    def send(self, request: Json) -> Json:
        response = self.post(json.dumps(request).encode())
        assert response.status_code == 200, response.content
        return response.json()


NANO = "1796212800000000000"


def one(**fields: Any) -> dict[str, Any]:
    """A request with one tool of an agent."""
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.agent.name": "orion"}
    pairs = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "execute_tool fetch"}
    span |= {"startTimeUnixNano": NANO, "endTimeUnixNano": NANO, "attributes": pairs}
    span["attributes"] = pairs + fields.pop("more", [])
    return {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, **fields}]}]}]}


def sent(exporter: Exporter, request: Any, **kwargs: Any):
    return exporter.post(json.dumps(request).encode(), **kwargs)


@pytest.fixture
def exporter(acme: Tenant) -> Iterator[Exporter]:
    return Exporter(acme.issue_key("report")[1])


def let_end(seconds: float = 8) -> None:
    """Let time pass and the reaper look."""
    running = Run.objects.filter(status="running")
    models.QuerySet.update(
        running, lease_until=models.F("lease_until") - timedelta(seconds=seconds)
    )
    reaper.sweep()


def final() -> list[Json]:
    """All that is stored about the runs, with times as seconds since the first span."""
    return [_final(run) for run in Run.objects.order_by("started_at")]


def _final(run: Run) -> Json:
    def times(thing: Any) -> tuple[float, float | None]:
        ended = thing.ended_at and (thing.ended_at - run.started_at).total_seconds()
        return round((thing.started_at - run.started_at).total_seconds(), 3), ended and round(
            ended, 3
        )

    tools = ToolExecution.objects.filter(task_execution__run=run)
    tasks = TaskExecution.objects.filter(run=run)
    agents = AgentExecution.objects.filter(run=run)
    return {
        "run": (run.status, run.reason, run.message, times(run)),
        "crew": run.crew.slug,
        "tools": sorted(
            (*times(tool), tool.tool, tool.task_execution.agent_id, tool.status, tool.message)
            for tool in tools
        ),
        "calls": sorted(
            (
                *times(call),
                call.agent_id,
                call.provider,
                call.model,
                call.status,
                call.input_tokens,
                call.output_tokens,
                call.finish_reason,
            )
            for call in run.calls.all()
        ),
        "handoffs": sorted(run.handoffs.values_list("from_agent_id", "to_agent_id")),
        "tasks": sorted((*times(task), task.name, task.agent_id, task.status) for task in tasks),
        "agents": sorted((*times(agent), agent.agent_id, agent.status) for agent in agents),
    }
