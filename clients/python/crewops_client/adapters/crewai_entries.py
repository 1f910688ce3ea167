"""The events that the adapter of CrewAI listens to, and the entry that it stores for an event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..notices import Notices
from ..runs import Run
from ..scope import Agent, Scope, Task
from ..tools import Tool

EVENTS = (
    *("CrewKickoffStartedEvent", "CrewKickoffCompletedEvent", "CrewKickoffFailedEvent"),
    *("TaskStartedEvent", "TaskCompletedEvent", "TaskFailedEvent"),
    *("AgentExecutionStartedEvent", "AgentExecutionCompletedEvent", "AgentExecutionErrorEvent"),
    *("LiteAgentExecutionStartedEvent", "LiteAgentExecutionCompletedEvent"),
    *("LiteAgentExecutionErrorEvent", "ToolUsageStartedEvent", "ToolUsageFinishedEvent"),
    *("ToolUsageErrorEvent", "LLMCallStartedEvent", "LLMCallCompletedEvent"),
    *("LLMCallFailedEvent", "LLMStreamChunkEvent", "FlowStartedEvent", "FlowFinishedEvent"),
    *("FlowFailedEvent", "MethodExecutionStartedEvent", "MethodExecutionFinishedEvent"),
    "MethodExecutionFailedEvent",
)

_notices = Notices()

OUTPUT = ("completion_tokens", "candidates_token_count", "output_tokens", "outputTokens")
# The names of Claude and Bedrock. Their count of the input leaves these tokens out.
RAW_READ = ("cache_read_input_tokens", "cacheReadInputTokens", "cacheReadInputTokenCount")
RAW_WRITTEN = ("cache_creation_input_tokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount")


def kinds_of(*modules: Any) -> list[Any]:
    """Return the classes of EVENTS, each from the first of the modules that has it.

    Versions of CrewAI differ in the module. A name that no module has is logged once.
    """
    kinds = []
    for name in EVENTS:
        kind = next((found for each in modules if (found := getattr(each, name, None))), None)
        if kind is not None:
            kinds.append(kind)
        else:
            _notices.say(name, f"this version of CrewAI has no {name}: a part is not shown")
    return kinds


@dataclass(eq=False)
class Entry:
    """The objects that belong to an event of CrewAI that begins something."""

    scope: Scope  # the parent of its children
    begun: Run | Agent | Task | Tool | None = None
    own: Run | None = None  # the run that was made for the event, and ends with it
    task: "Entry | None" = None
    agent: Agent | None = None  # of a task: it stays open while CrewAI retries
    held: Callable[[], Tool] | None = None  # begins a call that may still wait for approval

    def end_run(self, status: str = "succeeded", message: str | None = None) -> None:
        """End the run that was made for the event, if there is one."""
        if self.own is not None:
            self.own.end(status, message=message)

    def start_tool(self) -> None:
        """Begin the call that has not begun yet, if there is one."""
        if self.held is not None:
            held, self.held = self.held, None
            self.begun = self.scope = held()


def usage_of(usage: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the tokens of a model call, as `LLM.usage` takes them.

    CrewAI gives the names of the provider, and for some providers names of its own as well.
    """
    tokens = _first(usage, "prompt_tokens", "prompt_token_count")
    if tokens is None:
        tokens = _first(usage, "input_tokens", "inputTokens")
        if tokens is not None:
            tokens += (_first(usage, *RAW_READ) or 0) + (_first(usage, *RAW_WRITTEN) or 0)
    cached = ("cached_prompt_tokens", "cached_tokens", "cached_content_token_count", *RAW_READ)
    return {
        "input": tokens,
        "output": _first(usage, *OUTPUT),
        "cached": _first(usage, *cached),
        "cache_write": _first(usage, "cache_creation_tokens", *RAW_WRITTEN),
        "reasoning": usage.get("reasoning_tokens"),
    }


def _first(usage: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of these counts that is not 0, else 0 if there is one."""
    found = [usage[name] for name in names if isinstance(usage.get(name), int)]
    return next(filter(None, found), found[0] if found else None)
