#!/usr/bin/env bash
# dspy 3.4.1: what dspy.Parallel does is missing from track_usage() around it, and from the trace
# that is open. Module.batch and dspy.Evaluate use the same pool.
#
# Two calls of a model with 100 input tokens each, in two threads.
# Expected: 200 tokens, and spans below the open span, as with one thread. DSPy hands its own settings
# on to the threads of its pool, and the tracker is one of them.
# Seen: no tokens, and no warning: each thread counts in a copy of the tracker, which is dropped.
# Context variables, and OpenTelemetry's current span with them, are not handed on at all: each item
# is a trace of its own. With num_threads=1 no thread is made, and both are right.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    dspy==3.4.1 opentelemetry-sdk==1.45.2
export HOME="$dir" DSPY_CACHEDIR="$dir/cache"
"$dir/venv/bin/python" - 2>"$dir/log" <<'PY' || { cat "$dir/log" >&2; exit 1; }
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dspy
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

asked = []


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        message = {"role": "assistant", "content": "[[ ## answer ## ]]\n2 kg\n\n[[ ## completed ## ]]"}
        answer = json.dumps({
            "id": "c", "object": "chat.completion", "created": 1, "model": "stub",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105},
        }).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args): ...


exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("depot")
server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
dspy.configure(lm=dspy.LM("openai/stub", api_base=url, api_key="-", cache=False))


class Clerk(dspy.Module):
    def __init__(self):
        super().__init__()
        self.ask = dspy.Predict("question -> answer")

    def forward(self, question):
        with tracer.start_as_current_span("item"):
            return self.ask(question=question)


def run(threads):
    """(calls that reached the model, input tokens counted, traces)"""
    asked.clear()
    exporter.clear()
    items = [(Clerk(), dspy.Example(question=each).with_inputs("question")) for each in "ab"]
    pool = dspy.Parallel(num_threads=threads, disable_progress_bar=True)
    with tracer.start_as_current_span("crew"), dspy.track_usage() as usage:
        answers = pool(items)
    assert [each.answer for each in answers] == ["2 kg", "2 kg"]
    tokens = sum(each["prompt_tokens"] for each in usage.get_total_tokens().values())
    traces = {span.context.trace_id for span in exporter.get_finished_spans()}
    print(f"{threads} thread(s): {len(asked)} calls, {tokens} tokens, {len(traces)} trace(s)")
    return len(asked), tokens, len(traces)


assert run(threads=1) == (2, 200, 1)
assert run(threads=2) == (2, 0, 3)
PY
