"""CrewAI: see story.py."""

import json
from typing import Any

import story
from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import tool

from crewops_client.adapters.crewai import CrewOps

script = story.Script()


class Model(BaseLLM):
    def __init__(self) -> None:
        super().__init__(model="stub/stub-1")

    def supports_function_calling(self) -> bool:
        return True

    def call(self, messages: Any, *args: Any, **given: Any) -> Any:
        call = script.next(messages[-2:])
        if call is None:
            return "done"
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        return [{"id": f"c{len(messages)}", "type": "function", "function": function}]


def work() -> None:
    CrewOps(story.CREW, approvals=True)
    scout = Agent(
        role="Scout",
        goal="g",
        backstory="b",
        llm=Model(),
        tools=[tool(each.__name__)(each) for each in story.TOOLS],
        max_iter=story.STEPS_AT_MOST + 10,
    )
    task = Task(name="Fetch", description="Fetch it", expected_output="text", agent=scout)
    Crew(agents=[scout], tasks=[task], name="nightly").kickoff()


story.tell(work)
