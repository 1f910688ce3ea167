"""The state that the adapter of Google ADK stores for an invocation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..calls import LLM
from ..runs import Run
from ..scope import Agent, Scope
from ..tools import Tool


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


def key_of(own: Any, name: str | None = None) -> tuple[Any, Any]:
    """Return the key of an agent: name and branch. It may work in several branches at once."""
    return name or own.agent_name, getattr(own, "branch", None)


def usage_of(response: Any) -> dict[str, Any]:
    """Return the model and the tokens of an answer, as `LLM.usage` takes them."""
    usage = getattr(response, "usage_metadata", None)
    return {
        "input": getattr(usage, "prompt_token_count", None),
        "output": _total(usage, "candidates_token_count", "thoughts_token_count"),
        "cached": getattr(usage, "cached_content_token_count", None),
        "cache_write": getattr(usage, "cache_creation_input_tokens", None),  # of Claude
        "reasoning": getattr(usage, "thoughts_token_count", None),
        "model": getattr(response, "model_version", None),
    }


def _total(usage: Any, *names: str) -> int | None:
    known = [number for name in names if (number := getattr(usage, name, None)) is not None]
    return sum(known) if known else None
