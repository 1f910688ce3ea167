#!/usr/bin/env bash
# google-adk 2.13.0: which plugin callback ends an agent and a run depends on how the run ended.
#
# Expected: before_agent is followed by after_agent or on_agent_error, before_run by after_run or
# on_run_error, however the run ends.
# Seen: an exception in a tool skips after_agent and after_run; a cancelled task gets after_agent,
# but neither on_run_error nor after_run. No single pair of callbacks closes what it opened.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check google-adk==2.13.0
"$dir/venv/bin/python" - 2>"$dir/log" <<'PY'
import asyncio

from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmResponse
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.runners import InMemoryRunner
from google.genai import types

NAMES = (
    "before_run", "after_run", "on_run_error", "before_agent", "after_agent", "on_agent_error",
    "before_tool", "after_tool", "on_tool_error",
)


class CallsTool(BaseLlm):
    model: str = "scripted"

    async def generate_content_async(self, request, stream=False):
        answered = any(part.function_response for part in request.contents[-1].parts)
        call = types.FunctionCall(name="weigh", args={})
        part = types.Part(text="done") if answered else types.Part(function_call=call)
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def recorder(seen):
    def callback(name):
        async def called(self, **kwargs):
            seen.append(name)

        return called

    methods = {f"{name}_callback": callback(name) for name in NAMES}
    return type("Recorder", (BasePlugin,), methods)(name="recorder")


async def run(tool, until=None):
    """The callbacks of one run; cancelled once the event `until` is set."""
    seen = []

    async def weigh() -> str:
        return await tool()

    agent = LlmAgent(name="clerk", model=CallsTool(), tools=[weigh])
    runner = InMemoryRunner(agent, app_name="depot", plugins=[recorder(seen)])
    await runner.session_service.create_session(app_name="depot", user_id="u", session_id="s")
    message = types.Content(role="user", parts=[types.Part(text="Weigh it.")])

    async def consume():
        async for _ in runner.run_async(user_id="u", session_id="s", new_message=message):
            pass

    task = asyncio.create_task(consume())
    if until:
        await until.wait()
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return seen


async def main():
    started = asyncio.Event()

    async def fine():
        return "2 kg"

    async def broken():
        raise ValueError("the scale is broken")

    async def slow():
        started.set()
        await asyncio.Event().wait()

    start = ["before_run", "before_agent", "before_tool"]
    ends = {
        "fine": (await run(fine))[3:],
        "exception": (await run(broken))[3:],
        "cancelled": (await run(slow, started))[3:],
    }
    for name, callbacks in ends.items():
        print(f"{name}: {callbacks}")
    assert ends == {
        "fine": ["after_tool", "after_agent", "after_run"],
        "exception": ["on_tool_error", "on_agent_error", "on_run_error"],
        "cancelled": ["on_tool_error", "after_agent"],
    }


asyncio.run(main())
PY
