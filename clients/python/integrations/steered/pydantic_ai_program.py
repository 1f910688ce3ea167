"""Pydantic AI: see story.py."""

from typing import Any

import story
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import UsageLimits

from crewops_client.adapters.pydantic_ai import CrewOps

script = story.Script()


async def answer(messages: Any, info: Any) -> ModelResponse:
    call = script.next(messages[-1].parts[-1].content)
    return ModelResponse(parts=[ToolCallPart(*call) if call else TextPart("done")])


def work() -> None:
    model = FunctionModel(answer, model_name="stub-1")
    ops = CrewOps(story.CREW, approvals=True)
    orion = Agent(model, name="orion", tools=list(story.TOOLS), capabilities=[ops])
    orion.run_sync("hi", usage_limits=UsageLimits(request_limit=None))


story.tell(work)
