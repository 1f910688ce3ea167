"""What the adapter of CrewAI listens to, and what it keeps of an event."""

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
    """What an event that begins something stands for here."""

    scope: Scope  # where its children are
    begun: Run | Agent | Task | Tool | None = None
    task: "Entry | None" = None
    agent: Agent | None = None  # of a task: it stays open while CrewAI tries again
    held: Callable[[], Tool] | None = None  # a call that has not begun: its gate asks

    def start_tool(self) -> None:
        """Begin the call that was held back, if there is one."""
        if self.held is not None:
            held, self.held = self.held, None
            self.begun = self.scope = held()
