"""OpenAI Agents SDK: see recording.py."""

import asyncio
import json
import os
import sys
from typing import Any

import agents
import recording
from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage, function_tool
from agents.tracing import generation_span
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)
from sdk import recorded

from crewops_client.adapters.openai_agents import CrewOps

os.environ["OPENAI_API_KEY"] = "none"
DATA = ("name", "turn", "input", "output", "model", "usage", "from_agent", "to_agent")
HOOKED = ("tool_arguments", "error")


def keep(name: str, args: list, kwargs: dict) -> tuple[list, dict]:
    """Spans with their data, and the exception that passes while they begin or end."""
    current = agents.get_current_span()
    around = {"current": getattr(current, "span_id", None), "raised": sys.exc_info()[1]}
    if name.startswith("on_span") or name == "on_tool_ready":
        span = args[0]
        kept = {
            "span_id": span.span_id,
            "parent_id": span.parent_id,
            "trace_id": span.trace_id,
            "error": span.error,
        }
        data = recorded.plain(span.span_data, DATA)
        data = data if isinstance(data, dict) else {}
        data = dict.fromkeys(DATA) | data | {"__kind__": type(span.span_data).__name__}
        shown = recorded.plain(kept, ()) | {"span_data": data, "__kind__": "Span"}
        return [shown], recorded.plain(around, ())
    if name.startswith("on_trace"):
        return [None], {}
    return [recorded.plain(args[0] if args else None, HOOKED)], recorded.plain(around, ())


class Stub(Model):
    def __init__(self, *script: Any) -> None:
        self.script = list(script)

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        answer = self.script.pop(0)
        with generation_span(model="stub-1") as span:
            if isinstance(answer, Exception):
                raise answer
            span.span_data.usage = {
                "input_tokens": 10,
                "output_tokens": 3,
                "input_tokens_details": {"cached_tokens": 4},
            }
            return ModelResponse(output=answer, usage=Usage(), response_id=None)

    async def stream_response(self, *args: Any, **kwargs: Any) -> Any:
        answer = await self.get_response()
        about = {"id": "r", "created_at": 0, "model": "stub-1", "object": "response", "tools": []}
        about |= {"parallel_tool_calls": True, "tool_choice": "auto"}
        response = Response(output=answer.output, **about)
        yield ResponseCompletedEvent(
            response=response, sequence_number=0, type="response.completed"
        )


def says(text: str) -> list:
    content = ResponseOutputText(text=text, type="output_text", annotations=[])
    return [
        ResponseOutputMessage(
            id="m", role="assistant", status="completed", type="message", content=[content]
        )
    ]


def calls(*given: tuple[str, dict]) -> list:
    return [
        ResponseFunctionToolCall(
            name=name, arguments=json.dumps(args), call_id=f"c{n}", type="function_call"
        )
        for n, (name, args) in enumerate(given)
    ]


@function_tool
def add(a: int, b: int) -> str:
    return str(a + b)


@function_tool
def nothing() -> None:
    return None


@function_tool
def broken(page: str) -> str:
    raise ValueError("no such page")


@function_tool(failure_error_function=None)
def fatal(page: str) -> str:
    raise ValueError("no such page")


@function_tool(needs_approval=True)
def approve(what: str) -> str:
    return f"removed {what}"


@function_tool
async def slow() -> str:
    await asyncio.sleep(60)
    return ""


def agent(*script: Any, tools: Any = (), **given: Any) -> Agent:
    return Agent(name="Orion", model=Stub(*script), tools=list(tools), **given)


def run(make: Any, hooked: bool = False) -> Any:
    def case(processor: Any) -> Any:
        agents.set_trace_processors([processor])
        given = {}
        if hooked:
            config = RunConfig(tool_error_formatter=processor.tool_error)
            given = {"hooks": processor, "run_config": config}
        return asyncio.run(Runner.run(make(), "hi", **given)).final_output

    return case


def lyra() -> Agent:
    return Agent(name="Lyra", model=Stub(says("I am Lyra")))


def approval(processor: Any, approved: bool = True) -> Any:
    async def work() -> Any:
        orion = agent(
            calls(("approve", {"what": "x"}), ("add", {"a": 1, "b": 2})),
            says("done"),
            tools=[approve, add],
        )
        paused = await Runner.run(orion, "hi")
        state = paused.to_state()
        for each in paused.interruptions:
            state.approve(each) if approved else state.reject(each)
        return (await Runner.run(orion, state)).final_output

    agents.set_trace_processors([processor])
    return asyncio.run(work())


def mixed(processor: Any) -> Any:
    """Of two calls of one tool only the second is approved."""

    async def work() -> Any:
        both = calls(("approve", {"what": "x"}), ("approve", {"what": "y"}))
        orion = agent(both, says("done"), tools=[approve])
        paused = await Runner.run(orion, "hi")
        state = paused.to_state()
        first, second = paused.interruptions
        state.reject(first)
        state.approve(second)
        return (await Runner.run(orion, state)).final_output

    agents.set_trace_processors([processor])
    return asyncio.run(work())


def streamed(make: Any, **given: Any) -> Any:
    async def work() -> Any:
        result = Runner.run_streamed(make(), "hi", **given)
        async for _ in result.stream_events():
            pass
        return result.final_output

    def case(processor: Any) -> Any:
        agents.set_trace_processors([processor])
        return asyncio.run(work())

    return case


def cancelled(processor: Any) -> Any:
    async def work() -> Any:
        task = asyncio.create_task(Runner.run(agent(calls(("slow", {})), tools=[slow]), "hi"))
        await asyncio.sleep(0.5)
        task.cancel()
        return await task

    agents.set_trace_processors([processor])
    return asyncio.run(work())


ADD = ("add", {"a": 1, "b": 2})
BROKEN = ("broken", {"page": "p"})
recording.run(
    "openai_agents",
    ["openai-agents"],
    CrewOps,
    keep,
    {
        "tools in parallel": run(lambda: agent(calls(ADD, ADD), says("done"), tools=[add])),
        "with hooks": run(
            lambda: agent(
                calls(ADD, BROKEN, ("nothing", {})), says("done"), tools=[add, broken, nothing]
            ),
            hooked=True,
        ),
        "a tool without result": run(
            lambda: agent(calls(("nothing", {})), says("done"), tools=[nothing])
        ),
        "failing tool": run(lambda: agent(calls(BROKEN), says("done"), tools=[broken])),
        "fatal tool": run(lambda: agent(calls(("fatal", {"page": "p"})), tools=[fatal])),
        "unknown tool": run(lambda: agent(calls(("nope", {})), tools=[add])),
        "dead model": run(lambda: agent(RuntimeError("model is down"))),
        "handoff": run(lambda: agent(calls(("transfer_to_lyra", {})), handoffs=[lyra()])),
        "a tool without result and a handoff": run(
            lambda: agent(
                calls(("nothing", {}), ("transfer_to_lyra", {})), tools=[nothing], handoffs=[lyra()]
            )
        ),
        "stream": streamed(lambda: agent(calls(ADD), says("done"), tools=[add])),
        "stream with too many turns": streamed(
            lambda: agent(calls(ADD), calls(ADD), tools=[add]), max_turns=1
        ),
        "agent as tool": run(
            lambda: agent(
                calls(("ask", {"input": "q"})), says("done"), tools=[lyra().as_tool("ask", "Ask")]
            )
        ),
        "approval and resume": approval,
        "approval refused": lambda processor: approval(processor, approved=False),
        "one of two calls approved": mixed,
        "cancelled": cancelled,
    },
)
