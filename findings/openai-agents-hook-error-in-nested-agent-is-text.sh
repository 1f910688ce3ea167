#!/usr/bin/env bash
# openai-agents 0.24.0: an exception of a run hook ends the run, but if the agent is a tool of
# another agent, the outer model is asked to try again, and the outer run succeeds.
#
# RunHooks.on_llm_start raises, to stop a run that a person has cancelled. The agent "packer" is run
# once by itself, and once as a tool of the agent "clerk" with the same hooks for packer's run.
# Expected: the exception leaves Runner.run both times.
# Seen: by itself it does. As a tool, its result is "An error occurred while running the tool. Please
# try again." The clerk goes on, and its run succeeds. With `failure_error_function=None` the outer
# run ends, with a UserError that the exception has caused.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check openai-agents==0.24.0
"$dir/venv/bin/python" - <<'PY'
import asyncio

from agents import (
    Agent, Model, ModelResponse, RunHooks, Runner, Usage, UserError, set_tracing_disabled,
)
from openai.types.responses import (
    ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText,
)

set_tracing_disabled(True)


class Stopped(Exception):
    pass


class Stops(RunHooks):
    async def on_llm_start(self, *args):
        raise Stopped("cancelled by a person")


class CallsOnce(Model):
    """Calls the tool "pack" once, then answers with what it has read last."""

    def __init__(self):
        self.read = []

    async def get_response(self, system_instructions, input, *args, **kwargs):
        self.read.append(input if isinstance(input, str) else input[-1].get("output"))
        if len(self.read) == 1:
            made = ResponseFunctionToolCall(
                type="function_call", call_id="call_1", name="pack", arguments='{"input": "a"}'
            )
        else:
            text = ResponseOutputText(type="output_text", text="Packed.", annotations=[])
            made = ResponseOutputMessage(
                id="m", type="message", role="assistant", status="completed", content=[text]
            )
        return ModelResponse(output=[made], usage=Usage(), response_id=None)

    def stream_response(self, *args, **kwargs):
        raise RuntimeError("this run does not stream")


def outcome(agent):
    try:
        return Runner.run_sync(agent, "Pack the parcel.").final_output
    except UserError as error:
        return f"UserError from {type(error.__cause__).__name__}"


packer = Agent(name="packer", model=CallsOnce())
try:
    asyncio.run(Runner.run(packer, "Pack the parcel.", hooks=Stops()))
    alone = "returned"
except Stopped:
    alone = "raised"
model = CallsOnce()
about = {"tool_name": "pack", "tool_description": "Packs a parcel.", "hooks": Stops()}
nested = outcome(Agent(name="clerk", model=model, tools=[packer.as_tool(**about)]))
strict = packer.as_tool(**about, failure_error_function=None)
passed = outcome(Agent(name="clerk", model=CallsOnce(), tools=[strict]))
print("alone: ", alone)
print("nested:", nested, "after the model had read:", model.read[-1])
print("nested, failure_error_function=None:", passed)
assert alone == "raised"
assert nested == "Packed."
assert model.read[-1] == "An error occurred while running the tool. Please try again."
assert passed == "UserError from Stopped"
PY
