"""OpenAI Agents SDK: a model that follows a script, and what runs an agent in a case."""

import asyncio
import json
from typing import Any

import agents
from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage, function_tool
from agents.tracing import generation_span
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

ADD = ("add", {"a": 1, "b": 2})


class Stub(Model):
    def __init__(self, *script: Any) -> None:
        self.script = list(script)

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        answer = self.script.pop(0)
        with generation_span(model="stub-1") as span:
            if isinstance(answer, Exception):
                raise answer
            if callable(answer):
                answer = answer()
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
            name=name, arguments=json.dumps(args), call_id=f"{name}{n}", type="function_call"
        )
        for n, (name, args) in enumerate(given)
    ]


@function_tool
def add(a: int, b: int) -> str:
    return str(a + b)


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
