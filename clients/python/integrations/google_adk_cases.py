"""Google ADK: see recording.py."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Any

import google_adk_steered as steered
import recording
from google.adk.agents import ParallelAgent, SequentialAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.runners import InMemoryRunner
from google.adk.tools.agent_tool import AgentTool
from google.adk.tools.function_tool import FunctionTool
from google.genai import types
from google_adk_stub import add, agent, ask, call, hello
from sdk import recorded

from crewops_client.adapters.google_adk import CrewOps

ATTRIBUTES = (
    "id", "name", "parent_agent", "app_name", "session", "invocation_id", "agent_name", "branch",
    "function_call_id", "model", "model_version", "partial", "content", "parts", "text",
    "usage_metadata", "prompt_token_count", "candidates_token_count", "thoughts_token_count",
    "cached_content_token_count", "finish_reason", "value", "error_code", "error_message",
)  # fmt: skip


def keep(name: str, args: list, kwargs: dict) -> tuple[list, dict]:
    given = {key: value for key, value in kwargs.items() if key not in ("llm_request",)}
    if "llm_request" in kwargs:
        given["llm_request"] = {"__kind__": "LlmRequest", "model": kwargs["llm_request"].model}
    for key in ("invocation_context", "callback_context", "tool_context"):
        if key in given:
            given[key] = recorded.plain(given[key], ATTRIBUTES, depth=2)
    if (error := sys.exc_info()[1]) is not None:
        given["raised"] = error  # passes while this is called
    return args, {key: recorded.plain(value, ATTRIBUTES, depth=5) for key, value in given.items()}


def broken(page: str) -> str:
    """Fail."""
    raise ValueError("no such page")


async def slow() -> str:
    """Take long."""
    await asyncio.sleep(60)
    return ""


def approve(said: list[Any]) -> types.Content:
    """Confirm what the run waits for."""
    asked = [
        part.function_call
        for event in said
        for part in (event.content.parts if event.content else [])
        if part.function_call and part.function_call.name == "adk_request_confirmation"
    ]
    answer = types.FunctionResponse(
        id=asked[-1].id, name=asked[-1].name, response={"confirmed": True}
    )
    return types.Content(role="user", parts=[types.Part(function_response=answer)])


def simple(*script: Any, tools: Any = (), **about: Any) -> Callable[[Any], Any]:
    """The script's lines are what the model answers."""
    return lambda plugin: asyncio.run(
        ask(agent("orion", *script, tools=list(tools)), plugin, **about)
    )


def workflow(plugin: Any) -> Any:
    both = ParallelAgent(name="both", sub_agents=[agent("lyra", "left"), agent("vega", "right")])
    return asyncio.run(
        ask(SequentialAgent(name="chief", sub_agents=[agent("orion", "first"), both]), plugin)
    )


def transfer(plugin: Any) -> Any:
    lyra = agent("lyra", [call("add", a=1, b=2)], "done", tools=[add])
    root = agent("orion", [call("transfer_to_agent", agent_name="lyra")], sub_agents=[lyra])
    return asyncio.run(ask(root, plugin))


def agent_as_tool(plugin: Any) -> Any:
    lyra = agent("lyra", [call("add", a=1, b=2)], "three", tools=[add])
    root = agent("orion", [call("lyra", request="add")], "done", tools=[AgentTool(lyra)])
    return asyncio.run(ask(root, plugin))


def cancelled(*script: Any, tools: Any = ()) -> Callable[[Any], Any]:
    async def work(plugin: Any) -> Any:
        task = asyncio.create_task(ask(agent("orion", *script, tools=list(tools)), plugin))
        await asyncio.sleep(0.5)
        task.cancel()
        return await task

    return lambda plugin: asyncio.run(work(plugin))


def event_tasks(plugin: Any) -> Any:
    """The program reads each event in an asyncio task of its own."""

    async def work() -> str:
        root = agent("orion", [call("add", a=1, b=2)], "done", tools=[add])
        runner = InMemoryRunner(root, app_name="depot", plugins=[plugin])
        await runner.session_service.create_session(app_name="depot", user_id="u", session_id="s")
        events = runner.run_async(user_id="u", session_id="s", new_message=hello([]))
        said = []
        with contextlib.suppress(StopAsyncIteration):
            while True:
                said.append(await asyncio.create_task(anext(events)))
        return str(said[-1].content.parts[0].text)

    return asyncio.run(work())


def confirmed(plugin: Any) -> Any:
    tool = FunctionTool(add, require_confirmation=True)
    root = agent("orion", [call("add", a=1, b=2)], "done", "done", tools=[tool])
    return asyncio.run(ask(root, plugin, hello, approve))


STREAMED = RunConfig(streaming_mode=StreamingMode.SSE)
recording.run(
    "google_adk",
    ["google-adk"],
    CrewOps,
    keep,
    {
        "tools in parallel": simple(
            [call("add", a=1, b=2), call("add", a=2, b=2)], "done", tools=[add]
        ),
        "failing tool": simple([call("broken", page="p")], "done", tools=[broken]),
        "bad arguments": simple([call("add", a=1)], "done", tools=[add]),
        "unknown tool": simple([call("nope")], "done", tools=[add]),
        "failing tool beside a slow one": simple(
            [call("slow"), call("broken", page="p")], tools=[slow, broken]
        ),
        "dead model": simple(RuntimeError("model is down")),
        "streamed answer": simple("hello", run_config=STREAMED),
        "workflow agents": workflow,
        "transfer to another agent": transfer,
        "agent as a tool": agent_as_tool,
        "cancelled in a tool": cancelled([call("slow")], tools=[slow]),
        "cancelled in a model call": cancelled("hang"),
        "tool that waits for approval": confirmed,
        "one task for each event": event_tasks,
        "gate approved": steered.gate,
        "gate denied": steered.gate,
        "gate expired": steered.gate,
        "asked to cancel in a tool": steered.case("cancel", in_tool=True),
        "asked to cancel in a model call": steered.case("cancel"),
        "asked to cancel in an agent as a tool": steered.sub_agent_cancelled,
        "asked to pause in a tool": steered.case("pause", in_tool=True),
        "asked to pause in a model call": steered.case("pause"),
    },
)
