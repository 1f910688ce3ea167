"""The events that the adapter of CrewAI listens to, and the entry that it stores for an event."""

from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(eq=False)
class Entry:
    """The objects that belong to an event of CrewAI that begins something."""

    scope: Scope  # the parent of its children
    begun: Run | Agent | Task | Tool | None = None
    task: "Entry | None" = None
    agent: Agent | None = None  # of a task: it stays open while CrewAI retries
    held: Callable[[], Tool] | None = None  # begins a call that may still wait for approval

    def start_tool(self) -> None:
        """Begin the call that has not begun yet, if there is one."""
        if self.held is not None:
            held, self.held = self.held, None
            self.begun = self.scope = held()
