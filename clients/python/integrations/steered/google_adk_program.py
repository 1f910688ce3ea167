"""Google ADK: see story.py."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import story
from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types

from crewops_client.adapters.google_adk import CrewOps

script = story.Script()


class Model(BaseLlm):
    model: str = "gemini-stub-1"

    async def generate_content_async(
        self, llm_request: Any, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        part = types.Part(text="done")
        if call := script.next(llm_request.contents[-1].parts):
            part = types.Part(function_call=types.FunctionCall(name=call[0], args=call[1]))
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


async def work() -> None:
    orion = LlmAgent(name="orion", model=Model(), tools=list(story.TOOLS))
    plugins = [CrewOps(story.CREW, approvals=True)]
    runner = InMemoryRunner(orion, app_name="depot", plugins=plugins)
    await runner.session_service.create_session(app_name="depot", user_id="u", session_id="s")
    message = types.Content(role="user", parts=[types.Part(text="hi")])
    calls = RunConfig(max_llm_calls=story.STEPS_AT_MOST + 10)
    about = {"user_id": "u", "session_id": "s", "new_message": message, "run_config": calls}
    async for _ in runner.run_async(**about):
        pass


story.tell(lambda: asyncio.run(work()))
