#!/usr/bin/env bash
# langchain 1.5.2, langchain-core 1.8.3: a cancelled `ainvoke` gives a tool and the agent their error
# callback, but the model call that was cancelled gets none.
#
# Expected: on_llm_error with CancelledError, as on_tool_error has it.
# Seen: on_chat_model_start, then on_chain_error of the node and the agent, and nothing for the
# model. A tracer that keeps open calls by their id keeps this one, and shows it as running.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    langchain==1.5.2 langchain-core==1.8.3 langgraph==1.2.24
"$dir/venv/bin/python" - <<'PY'
import asyncio

from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool


class Recorder(AsyncCallbackHandler):
    def __init__(self):
        self.seen = []

    async def on_chat_model_start(self, serialized, messages, **kwargs):
        self.seen.append("model start")

    async def on_llm_end(self, response, **kwargs):
        self.seen.append("model end")

    async def on_llm_error(self, error, **kwargs):
        self.seen.append(f"model {type(error).__name__}")

    async def on_tool_start(self, serialized, input_str, **kwargs):
        self.seen.append("tool start")

    async def on_tool_error(self, error, **kwargs):
        self.seen.append(f"tool {type(error).__name__}")

    async def on_chain_error(self, error, *, parent_run_id=None, **kwargs):
        if parent_run_id is None:
            self.seen.append(f"agent {type(error).__name__}")


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools, **kwargs):
        return self


class Silent(Scripted):
    async def _agenerate(self, *args, **kwargs):
        await asyncio.Event().wait()


@tool
async def weigh(parcel: str) -> str:
    """Weigh a parcel."""
    await asyncio.Event().wait()


async def cancelled_in(model, begins_with):
    recorder = Recorder()
    agent = create_agent(model, [weigh])
    task = asyncio.create_task(
        agent.ainvoke({"messages": "Weigh it."}, config={"callbacks": [recorder]})
    )
    while begins_with not in recorder.seen:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    print(recorder.seen)
    return recorder.seen


call = {"name": "weigh", "args": {"parcel": "a"}, "id": "call_1"}
in_tool = cancelled_in(
    Scripted(messages=iter([AIMessage("", tool_calls=[call])])), "tool start"
)
in_model = cancelled_in(Silent(messages=iter([])), "model start")
assert asyncio.run(in_tool) == [
    "model start", "model end", "tool start", "tool CancelledError", "agent CancelledError"
]
assert asyncio.run(in_model) == ["model start", "agent CancelledError"]
PY
