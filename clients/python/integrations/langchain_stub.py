"""A model of LangChain that follows a script, for langchain_cases.py."""

from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

ASK = {"messages": [("user", "hi")]}


class Model(BaseChatModel):
    script: list[Any]
    said: list[int] = []

    @property
    def _llm_type(self) -> str:
        return "stub"

    def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
        return {"ls_provider": "stub", "ls_model_name": "stub-1", "ls_model_type": "chat"}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any):
        answer = self.script[min(len(self.said), len(self.script) - 1)]
        self.said.append(1)
        if isinstance(answer, Exception):
            raise answer
        return ChatResult(generations=[ChatGeneration(message=answer)])


def call(name: str, args: dict, call_id: str) -> dict:
    return {"name": name, "args": args, "id": call_id, "type": "tool_call"}


def says(text: str, *calls: dict) -> AIMessage:
    usage = {
        "input_tokens": 10,
        "output_tokens": 3,
        "total_tokens": 13,
        "input_token_details": {"cache_read": 4},
        "output_token_details": {"reasoning": 1},
    }
    about = {"finish_reason": "stop", "model_name": "stub-1-2026"}
    return AIMessage(text, tool_calls=list(calls), usage_metadata=usage, response_metadata=about)


def agent(script: list[Any], *tools: Any, name: str = "orion", **given: Any) -> Any:
    return create_agent(Model(script=script, said=[]), list(tools), name=name, **given)
