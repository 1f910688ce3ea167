"""A model of CrewAI that follows a script, for crewai_cases.py."""

import json
from typing import Any

from crewai import BaseLLM
from crewai.events import LLMCallCompletedEvent, LLMCallStartedEvent, crewai_event_bus
from crewai.events.types.llm_events import LLMCallFailedEvent, LLMCallType


class Stub(BaseLLM):
    script: list[Any] = []
    native: bool = True
    read: list[str] = []  # the last message of each call

    def __init__(self, *script: Any, native: bool = True) -> None:
        super().__init__(model="stub/stub-1", script=list(script), native=native)

    def supports_function_calling(self) -> bool:
        return self.native

    def call(self, messages: Any, tools: Any = None, *args: Any, **given: Any) -> Any:
        about = {"from_task": given.get("from_task"), "from_agent": given.get("from_agent")}
        answer = self.script.pop(0) if self.script else "done"
        self.read.append(str(messages))
        call_id = f"call-{id(answer)}-{len(self.script)}"
        started = LLMCallStartedEvent(model=self.model, call_id=call_id, **about)
        crewai_event_bus.emit(self, started)
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            failed = LLMCallFailedEvent(
                error=str(answer), model=self.model, call_id=call_id, **about
            )
            crewai_event_bus.emit(self, failed)
            raise answer
        completed = LLMCallCompletedEvent(
            model=self.model,
            call_id=call_id,
            response=str(answer),
            call_type=LLMCallType.LLM_CALL,
            usage={"prompt_tokens": 10, "completion_tokens": 3, "cached_prompt_tokens": 4},
            **about,
        )
        crewai_event_bus.emit(self, completed)
        return answer


def calls(*given: tuple[str, dict]) -> list:
    return [
        {"id": f"c{n}", "type": "function", "function": {"name": a, "arguments": json.dumps(b)}}
        for n, (a, b) in enumerate(given)
    ]


DEPLOY = calls(("deploy", {"env": "prod"}))
TEXT = 'Thought: x\nAction: deploy\nAction Input: {"env": "prod"}'
