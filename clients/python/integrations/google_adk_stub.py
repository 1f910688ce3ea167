"""Google ADK: a model that follows a script, and what runs an agent in a case."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types


class Scripted(BaseLlm):
    """Answers with the next line of its script."""

    model: str = "gemini-stub-1"
    script: list[Any] = []

    async def generate_content_async(
        self, llm_request: Any, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        line = self.script.pop(0)
        if isinstance(line, BaseException):
            raise line
        if callable(line):
            line = line()
        if line == "hang":
            await asyncio.sleep(60)
        usage = types.GenerateContentResponseUsageMetadata(
            prompt_token_count=10,
            candidates_token_count=3,
            thoughts_token_count=2,
            cached_content_token_count=4,
        )
        parts = [types.Part(text=line)] if isinstance(line, str) else line
        if stream and isinstance(line, str):
            for piece in (line[:2], line[2:]):
                part = types.Part(text=piece)
                content = types.Content(role="model", parts=[part])
                yield LlmResponse(content=content, partial=True)
        yield LlmResponse(
            content=types.Content(role="model", parts=parts),
            usage_metadata=usage,
            finish_reason=types.FinishReason.STOP,
            model_version="gemini-stub-1-001",
        )


def call(name: str, **args: Any) -> types.Part:
    return types.Part(function_call=types.FunctionCall(name=name, args=args))


def agent(name: str, *script: Any, **about: Any) -> LlmAgent:
    lines = [list(line) if isinstance(line, list) else line for line in script]
    return LlmAgent(name=name, model=Scripted(script=lines), **about)


def add(a: int, b: int) -> int:
    """Add."""
    return a + b


async def ask(
    root: Any,
    plugin: Any,
    *messages: Callable[[list[Any]], types.Content],
    said: list[Any] | None = None,
    **about: Any,
) -> str:
    """Say each of the messages, made of the events so far; return the last text."""
    runner = InMemoryRunner(root, app_name="depot", plugins=[plugin])
    await runner.session_service.create_session(app_name="depot", user_id="u", session_id="s")
    said = [] if said is None else said
    for make in messages or (hello,):
        message = make(said)
        async for event in runner.run_async(
            user_id="u", session_id="s", new_message=message, **about
        ):
            said.append(event)
    return str(said[-1].content and said[-1].content.parts[0].text)


def hello(said: list[Any]) -> types.Content:
    return types.Content(role="user", parts=[types.Part(text="hi")])
