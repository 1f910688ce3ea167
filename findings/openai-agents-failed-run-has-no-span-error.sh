#!/usr/bin/env bash
# openai-agents 0.24.0: a run that raises ends its trace, task span and agent span without an error.
#
# The model calls a tool that the agent does not have; Runner.run raises ModelBehaviorError.
# Expected: the root span of the trace carries the error.
# Seen: only the "turn" span has one. "agent" and "task" end with error None, as in a fine run,
# so a trace viewer that looks at the root shows a failed run as good.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check openai-agents==0.24.0
"$dir/venv/bin/python" - <<'PY'
from agents import (
    Agent, Model, ModelBehaviorError, ModelResponse, Runner, Usage, set_trace_processors,
)
from agents.tracing import TracingProcessor
from openai.types.responses import ResponseFunctionToolCall


class Recorder(TracingProcessor):
    """Keeps the error of each span, by the span's type."""

    def __init__(self):
        self.errors = {}

    def on_span_end(self, span):
        self.errors[span.span_data.type] = span.error

    def on_span_start(self, span): ...
    def on_trace_start(self, trace): ...
    def on_trace_end(self, trace): ...
    def shutdown(self): ...
    def force_flush(self): ...


class CallsMissingTool(Model):
    async def get_response(self, *args, **kwargs):
        call = ResponseFunctionToolCall(
            type="function_call", call_id="call_1", name="weigh", arguments="{}"
        )
        return ModelResponse(output=[call], usage=Usage(), response_id=None)

    def stream_response(self, *args, **kwargs):
        raise RuntimeError("this run does not stream")


recorder = Recorder()
set_trace_processors([recorder])
try:
    Runner.run_sync(Agent(name="clerk", model=CallsMissingTool()), "Weigh the parcel.")
except ModelBehaviorError as error:
    print("raised:", error)
else:
    raise SystemExit("the run did not raise")
for kind, error in recorder.errors.items():
    print(f"{kind}: {error}")
assert recorder.errors["turn"]["message"] == "Tool not found"
assert recorder.errors["agent"] is None
assert recorder.errors["task"] is None
PY
