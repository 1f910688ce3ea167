#!/usr/bin/env bash
# openai-agents 0.24.0: a tool call that repeats the id and arguments of an earlier call is not run.
#
# Some model servers number tool calls anew in each response, so "call_1" comes in every turn.
# Expected: each turn's call runs, or the run fails.
# Seen: the call of the second turn is dropped without an error, a span or an output item.
# With the same id and other arguments the run ends with ModelBehaviorError instead.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check openai-agents==0.24.0
"$dir/venv/bin/python" - <<'PY'
from agents import (
    Agent, Model, ModelBehaviorError, ModelResponse, Runner, Usage, function_tool,
    set_tracing_disabled,
)
from openai.types.responses import (
    ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText,
)

set_tracing_disabled(True)
ran = []


@function_tool
def weigh(parcel: str) -> str:
    ran.append(parcel)
    return "2 kg"


class Scripted(Model):
    """Answers with the given items, one list per turn."""

    def __init__(self, *turns):
        self.turns = list(turns)

    async def get_response(self, *args, **kwargs):
        return ModelResponse(output=self.turns.pop(0), usage=Usage(), response_id=None)

    def stream_response(self, *args, **kwargs):
        raise RuntimeError("this run does not stream")


def call(parcel):
    arguments = '{"parcel": "%s"}' % parcel
    return [
        ResponseFunctionToolCall(
            type="function_call", call_id="call_1", name="weigh", arguments=arguments
        )
    ]


end = [
    ResponseOutputMessage(
        id="m", type="message", role="assistant", status="completed",
        content=[ResponseOutputText(text="done", type="output_text", annotations=[])],
    )
]

agent = Agent(name="clerk", model=Scripted(call("a"), call("a"), end), tools=[weigh])
result = Runner.run_sync(agent, "Weigh the parcel twice.")
outputs = [item for item in result.new_items if item.type == "tool_call_output_item"]
print("same arguments: ran", ran, "outputs", len(outputs), "answer", result.final_output)
assert (ran, len(outputs), result.final_output) == (["a"], 1, "done")

ran.clear()
agent = Agent(name="clerk", model=Scripted(call("a"), call("b"), end), tools=[weigh])
try:
    Runner.run_sync(agent, "Weigh both parcels.")
except ModelBehaviorError as error:
    print("other arguments:", error)
else:
    raise SystemExit("a reused id with other arguments was accepted")
assert ran == ["a"]
PY
