#!/usr/bin/env bash
# anthropic 2.14.0: the client makes a span for each model call by itself, so a call that something
# else traces as well is counted twice.
#
# One call of a model with 100 input tokens, made by pydantic-ai-slim 2.68.0, and one with
# opentelemetry-instrumentation-anthropic 0.62.4 (OpenLLMetry).
# Expected: one span with gen_ai.operation.name "chat" and 100 tokens. A client library makes no spans
# until something instruments it, as openai's does.
# Seen: two such spans with the same gen_ai.response.id, so who sums them counts 200. Under Pydantic
# AI the client's span is a child of the other. With OpenLLMetry, whose span is not made current, it
# is the root of a second trace. ANTHROPIC_OPEN_TELEMETRY=false switches it off; nothing is installed
# or called to switch it on. Count a span below another of a model call once.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    anthropic==2.14.0 "pydantic-ai-slim[anthropic]==2.68.0" opentelemetry-sdk==1.45.2 \
    opentelemetry-instrumentation-anthropic==0.62.4
"$dir/venv/bin/python" - 2>"$dir/log" <<'PY' || { cat "$dir/log" >&2; exit 1; }
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
from opentelemetry import trace
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

MODEL = "claude-sonnet-4-5"
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL,
    "content": [], "stop_reason": None, "stop_sequence": None,
    "usage": {"input_tokens": 100, "output_tokens": 1},
}
STREAM = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "2 kg"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
]
asked = []


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        asked.append(self.path)
        wish = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if wish.get("stream"):
            kind = "text/event-stream"
            parts = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in STREAM]
            answer = "".join(parts).encode()
        else:
            kind = "application/json"
            content = [{"type": "text", "text": "2 kg"}]
            answer = json.dumps({**MESSAGE, "content": content, "stop_reason": "end_turn"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args): ...


exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"


def seen(label):
    """(calls that reached the model, spans of model calls, their input tokens, traces)"""
    spans = [
        span for span in exporter.get_finished_spans()
        if span.attributes.get("gen_ai.operation.name") == "chat"
    ]
    for span in spans:
        about = [span.attributes[f"gen_ai.{key}"] for key in ("response.id", "usage.input_tokens")]
        print(f"{label}: {span.name!r} by {span.instrumentation_scope.name}:", *about)
    found = (
        len(asked), len(spans), sum(span.attributes["gen_ai.usage.input_tokens"] for span in spans),
        len({span.context.trace_id for span in spans}),
    )
    assert {span.attributes["gen_ai.response.id"] for span in spans} == {"msg_1"}
    exporter.clear()
    asked.clear()
    return found


def pydantic_ai():
    model = AnthropicModel(MODEL, provider=AnthropicProvider(api_key="-", base_url=url))
    Agent(model, name="depot", capabilities=[Instrumentation()]).run_sync("weigh")
    return seen("pydantic-ai")


assert pydantic_ai() == (1, 2, 200, 1)
os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"
assert pydantic_ai() == (1, 1, 100, 1)
del os.environ["ANTHROPIC_OPEN_TELEMETRY"]

AnthropicInstrumentor().instrument(tracer_provider=provider)
messages = [{"role": "user", "content": "weigh"}]
client = anthropic.Anthropic(api_key="-", base_url=url)
client.messages.create(model=MODEL, max_tokens=9, messages=messages)
assert seen("OpenLLMetry") == (1, 2, 200, 2)
PY
