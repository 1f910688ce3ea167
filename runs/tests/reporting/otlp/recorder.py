"""Makes spans with the OpenTelemetry SDK, at given times and with the same ids each time."""

import json
import random
from pathlib import Path

from opentelemetry import trace
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanKind, Status, StatusCode

HERE = Path(__file__).parent / "vectors"
NOON = 1_796_212_800  # 2026-12-02


class Ids(IdGenerator):
    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def generate_span_id(self) -> int:
        return self._random.getrandbits(63) + 1

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(127) + 1


class Recorder:
    """Starts spans at given seconds and exports them in the order in which they end."""

    def __init__(self, name: str, **resource: str) -> None:
        self.exporter = InMemorySpanExporter()
        resource = Resource({"service.name": "weather desk", **resource})
        provider = TracerProvider(id_generator=Ids(name), resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("recorded", "1.0")
        self.open = []

    def span(
        self,
        name,
        start,
        end,
        parent=None,
        *,
        error=None,
        kind=SpanKind.INTERNAL,
        ok=False,
        **attributes,
    ):
        context = trace.set_span_in_context(parent) if parent is not None else None
        attributes = {key.replace("__", "."): value for key, value in attributes.items()}
        span = self.tracer.start_span(
            name, context=context, kind=kind, attributes=attributes, start_time=at(start)
        )
        if error is not None:
            type_, text, unset = (*error, False)[:3]
            event = {"exception.type": type_, "exception.message": text}
            event["exception.stacktrace"] = f"Traceback ...\n{type_}: {text}\n"
            span.add_event("exception", event, timestamp=at(end))
            if not unset:
                span.set_status(Status(StatusCode.ERROR, text))
        if ok:
            span.set_status(Status(StatusCode.OK))
        self.open.append((end, span))
        return span

    def write(self, name, emitter, first=()):
        """``first``: spans that end before others that end at the same time."""
        order = sorted(self.open, key=lambda pair: (pair[0], pair[1] not in first))
        for end, span in order:
            span.end(at(end))
        request = encode_spans(self.exporter.get_finished_spans()).to_json()
        request = json.loads(request) if isinstance(request, str) else request
        text = json.dumps({"emitter": emitter, "request": request}, indent=1)
        (HERE / f"{name}.json").write_text(text + "\n")


def at(seconds):
    return NOON * 10**9 + round(seconds * 10**9)


def operation(kind, **attributes):
    return {"gen_ai.operation.name": kind, **attributes}


def usage(input_tokens, output_tokens, reason="stop"):
    return {
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
        "gen_ai.response.finish_reasons": (reason,),
        "gen_ai.response.model": "gpt-5-mini-2026-08-07",
    }
