#!/usr/bin/env bash
# pydantic-ai-slim 2.68.0, opentelemetry-sdk 1.45.2: the spans of a cancelled agent run do not say
# that the agent was cancelled, and the agent's span ends before the spans of its tools.
#
# A run with two tools at work is cancelled by asyncio.
# Expected: children end before their parent, and the agent's span has the status ERROR or an
# exception event, as the tools' spans have.
# Seen: the agent's span ends first, without a status and without an event. The tools' spans end
# after it, with ERROR and the exception CancelledError. Code that ends a run with its root span,
# or takes a root without error as a success, shows a cancelled run as succeeded.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pydantic-ai-slim==2.68.0 opentelemetry-sdk==1.45.2
"$dir/venv/bin/python" - <<'PY'
import asyncio

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.test import TestModel

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
agent = Agent(TestModel(), name="depot", capabilities=[Instrumentation()])
begun = asyncio.Event()


@agent.tool_plain
async def weigh() -> str:
    begun.set()
    await asyncio.sleep(60)
    return "12 t"


@agent.tool_plain
async def load() -> str:
    await asyncio.sleep(60)
    return "loaded"


async def main():
    run = asyncio.create_task(agent.run("weigh and load"))
    await begun.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


asyncio.run(main())
seen = [
    (span.name, span.status.status_code.name, [event.name for event in span.events])
    for span in exporter.get_finished_spans()
]
for each in seen:
    print(*each)
names = [name for name, _, _ in seen]
agent_span = names.index("invoke_agent depot")
assert seen[agent_span][1:] == ("UNSET", [])
for tool in ("execute_tool weigh", "execute_tool load"):
    index = names.index(tool)
    assert index > agent_span, names
    assert seen[index][1:] == ("ERROR", ["exception"])
PY
