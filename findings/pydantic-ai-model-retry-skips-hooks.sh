#!/usr/bin/env bash
# pydantic-ai-slim 2.68.0: a tool that raises ModelRetry, or is cancelled, ends without a tool hook.
#
# Hooks(before_tool_execute, after_tool_execute, tool_execute_error) are given to the agent.
# Expected: each "before" is followed by "after" or by "error".
# Seen: ModelRetry gives "before" alone, and so does a cancelled run. Only other exceptions give
# "error". Code that opens a record in "before" and closes it in the other two leaves it open.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check pydantic-ai-slim==2.68.0
"$dir/venv/bin/python" - <<'PY'
import asyncio

from pydantic_ai import Agent, ModelRetry
from pydantic_ai.capabilities import Hooks
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel

seen = []


async def before(ctx, *, call, tool_def, args):
    seen.append("before")
    return args


async def after(ctx, *, call, tool_def, args, result):
    seen.append("after")
    return result


async def error(ctx, *, call, tool_def, args, error):
    seen.append("error")
    raise error


def agent_with(tool):
    """An agent whose model calls the tool until it answered, then ends."""

    def model(messages, info):
        parts = [part for message in messages for part in message.parts]
        answered = any(getattr(part, "outcome", None) == "success" for part in parts)
        return ModelResponse(parts=[TextPart("done") if answered else ToolCallPart("weigh", {})])

    hooks = Hooks(before_tool_execute=before, after_tool_execute=after, tool_execute_error=error)
    agent = Agent(FunctionModel(model), capabilities=[hooks])
    agent.tool_plain(tool, name="weigh", retries=3)
    return agent


tries = []


def busy_once() -> str:
    tries.append(1)
    if len(tries) == 1:
        raise ModelRetry("the scale is busy")
    return "2 kg"


agent_with(busy_once).run_sync("Weigh the parcel.")
print("ModelRetry, then success:", seen)
assert seen == ["before", "before", "after"]

seen.clear()


def broken() -> str:
    raise ValueError("the scale is broken")


try:
    agent_with(broken).run_sync("Weigh the parcel.")
except ValueError:
    print("ValueError:", seen)
assert seen == ["before", "error"]

seen.clear()


async def cancelled():
    started = asyncio.Event()

    async def slow() -> str:
        started.set()
        await asyncio.Event().wait()

    run = asyncio.create_task(agent_with(slow).run("Weigh the parcel."))
    await started.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


asyncio.run(cancelled())
print("cancelled:", seen)
assert seen == ["before"]
PY
