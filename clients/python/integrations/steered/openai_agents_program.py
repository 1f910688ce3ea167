"""OpenAI Agents SDK: see story.py."""

import asyncio
import json
from typing import Any

import agents
import story
from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

import crewops_client as crewops
from crewops_client.adapters.openai_agents import CrewOps
from crewops_client.adapters.openai_agents_approvals import decide

script = story.Script()


class Stub(Model):
    async def get_response(self, *args: Any, input: Any, **given: Any) -> Any:
        call = script.next(input if isinstance(input, str) else input[-1])
        return ModelResponse(output=[answer(call)], usage=Usage(), response_id=None)

    async def stream_response(self, *args: Any, **given: Any) -> Any:
        raise NotImplementedError


def answer(call: story.Call | None) -> Any:
    if call is None:
        text = ResponseOutputText(text="done", type="output_text", annotations=[])
        about = {"id": "m", "role": "assistant", "status": "completed", "type": "message"}
        return ResponseOutputMessage(content=[text], **about)
    name, args = call
    about = {"name": name, "call_id": f"c{args.get('number', 0)}", "type": "function_call"}
    return ResponseFunctionToolCall(arguments=json.dumps(args), **about)


async def work() -> None:
    ops = CrewOps(story.CREW)
    agents.set_trace_processors([ops])
    guarded = {"tool_input_guardrails": [ops.approval]}
    own = {"needs_approval": True} if story.STORY == "decide" else guarded
    tools = [function_tool(story.deploy, **own), function_tool(story.step)]
    orion = Agent(name="Orion", model=Stub(), tools=tools)
    given = {"hooks": ops, "max_turns": story.STEPS_AT_MOST + 10}
    if story.STORY != "decide":
        await Runner.run(orion, "hi", **given)
        return
    async with crewops.run(story.CREW):
        result = await Runner.run(orion, "hi", **given)
        while result.interruptions:
            result = await Runner.run(orion, await decide(result), **given)


story.tell(lambda: asyncio.run(work()))
