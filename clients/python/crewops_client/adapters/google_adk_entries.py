"""The state that the adapter of Google ADK stores for an invocation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from ..calls import LLM
from ..runs import Run
from ..scope import Agent, Scope
from ..tools import Tool
from .common import captured


@dataclass(eq=False)
class Entry:
    """The objects that belong to an invocation."""

    run: Run
    around: Scope  # the parent of its agents
    owned: bool
    session: Any
    agents: dict[Any, list[Agent]] = field(default_factory=dict)
    calls: dict[Any, LLM] = field(default_factory=dict)
    tools: dict[Any, Tool] = field(default_factory=dict)
    waiting: dict[Any, Tool] = field(default_factory=dict)  # tools that wait for a person
    held: dict[str, Agent] = field(default_factory=dict)  # agents with such a tool
    refused: set[Any] = field(default_factory=set)  # calls that must not begin
    unwatch: Callable[[], Any] = lambda: None  # stops watching the task that the run began in

    def caller(self, own: Any) -> Scope:
        """Return the calling agent, or `around` if the agent has not begun."""
        working = chain(*self.agents.values())
        same = self.agents.get(key_of(own)) or [
            each for each in working if each.agent_id == own.agent_name
        ]
        return same[-1] if same else self.around

    def refuse(self, id: Any, text: str) -> None:
        """Note that a call must not begin."""
        self.refused.add(id)
        if waited := self.waiting.pop(id, None):  # it waited for ADK's own confirmation
            waited.end("cancelled", message=text)


def key_of(own: Any, name: str | None = None) -> tuple[Any, Any]:
    """Return the key of an agent: name and branch. It may work in several branches at once."""
    return name or own.agent_name, getattr(own, "branch", None)


def end_call(call: LLM, response: Any) -> None:
    """End the call with this answer."""
    usage, content = getattr(response, "usage_metadata", None), getattr(response, "content", None)
    call.usage(
        input=getattr(usage, "prompt_token_count", None),
        output=_total(usage, "candidates_token_count", "thoughts_token_count"),
        cached=getattr(usage, "cached_content_token_count", None),
        cache_write=getattr(usage, "cache_creation_input_tokens", None),  # of Claude
        reasoning=getattr(usage, "thoughts_token_count", None),
        model=getattr(response, "model_version", None),
    )
    call.result(captured(call, [content]) if content is not None else None)
    reason = getattr(response, "finish_reason", None)
    failed = getattr(response, "error_code", None)
    message = getattr(response, "error_message", None) or failed or None
    reason = getattr(reason, "value", reason)
    call.end("error" if failed else "success", finish_reason=reason, message=message)


def _total(usage: Any, *names: str) -> int | None:
    known = [number for name in names if (number := getattr(usage, name, None)) is not None]
    return sum(known) if known else None
