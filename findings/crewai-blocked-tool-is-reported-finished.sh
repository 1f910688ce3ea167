#!/usr/bin/env bash
# crewai 1.15.30: a tool call that a hook blocks is reported as finished, without a failure.
#
# register_before_tool_call_hook(...) returns False, so the tool does not run.
# Expected: no event, or an event that says blocked or failed.
# Seen: ToolUsageStartedEvent, then ToolUsageFinishedEvent with failure None. That the call was
# blocked stands in the output text alone. A listener counts it as a successful call.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check crewai==1.15.30
export HOME="$dir" CREWAI_DISABLE_TELEMETRY=true CREWAI_TRACING_ENABLED=false OTEL_SDK_DISABLED=true
"$dir/venv/bin/python" - 2>"$dir/log" <<'PY'
from crewai import Agent, BaseLLM, Crew, Task
from crewai.events import (
    ToolUsageErrorEvent, ToolUsageFinishedEvent, ToolUsageStartedEvent, crewai_event_bus,
)
from crewai.hooks import register_before_tool_call_hook
from crewai.tools import tool

ran, events = [], {}


@crewai_event_bus.on(ToolUsageStartedEvent)
def started(source, event):
    events["started"] = event.tool_name


@crewai_event_bus.on(ToolUsageFinishedEvent)
def finished(source, event):
    events["finished"] = (event.failure, str(event.output))


@crewai_event_bus.on(ToolUsageErrorEvent)
def failed(source, event):
    events["error"] = str(event.error)


@tool
def weigh(parcel: str) -> str:
    """Weigh a parcel."""
    ran.append(parcel)
    return "2 kg"


class Scripted(BaseLLM):
    """Calls the tool once, then ends."""

    asked: int = 0

    def supports_function_calling(self):
        return True

    def call(self, messages, tools=None, *args, **kwargs):
        self.asked += 1
        if self.asked > 1:
            return "done"
        function = {"name": "weigh", "arguments": '{"parcel": "a"}'}
        return [{"id": "call_1", "type": "function", "function": function}]


register_before_tool_call_hook(lambda context: False)
agent = Agent(role="Clerk", goal="Weigh", backstory="-", llm=Scripted(model="stub"), tools=[weigh])
task = Task(description="Weigh parcel a", expected_output="its weight", agent=agent)
Crew(agents=[agent], tasks=[task]).kickoff()
crewai_event_bus.flush()
print("tool ran:", ran, "events:", events)
assert ran == []
assert events == {
    "started": "weigh",
    "finished": (None, "Tool execution blocked by hook. Tool: weigh"),
}
PY
