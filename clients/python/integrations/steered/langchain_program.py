"""LangChain and LangGraph: see story.py."""

from typing import Any

import story
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

from crewops_client.adapters.langchain import CrewOps
from crewops_client.adapters.langchain_approvals import Approvals

script = story.Script()


class Model(BaseChatModel):
    @property
    def _llm_type(self) -> str:
        return "stub"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any):
        calls = []
        if call := script.next(messages[-1].content):
            id = f"c{len(messages)}"
            calls = [{"name": call[0], "args": call[1], "id": id, "type": "tool_call"}]
        message = AIMessage("" if calls else "done", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=message)])


def work() -> None:
    tools = [tool(each) for each in story.TOOLS]
    agent = create_agent(Model(), tools, name="orion", middleware=[Approvals()])
    config = {"callbacks": [CrewOps(story.CREW)], "recursion_limit": 3 * story.STEPS_AT_MOST}
    agent.invoke({"messages": [("user", "hi")]}, config=config)


story.tell(work)
