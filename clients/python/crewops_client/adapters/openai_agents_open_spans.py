"""The state that the adapter of the OpenAI Agents SDK stores for a span."""

from dataclasses import dataclass, field
from typing import Any

from ..calls import LLM
from ..runs import Run
from ..scope import Agent, Scope, Task
from ..tools import Tool
from ..value_snapshot import snapshot


@dataclass(eq=False)
class Held:
    """The end of a turn or an agent that is sent after the ends of these tools in it."""

    part: Agent | Task
    tools: list[Tool]
    status: str
    message: str | None


@dataclass(eq=False)
class Root:
    """A span without a parent: a call of the SDK's runner, or what the program has around it."""

    run: Run
    owned: bool  # whether the adapter ends the run
    hooked: bool = False  # the SDK calls the hooks of the adapter in it
    # Tools that returned nothing or wait for approval. Their spans are the same. The next turn, or
    # the end of the run, shows which of the two it is.
    unclear: list[Tool] = field(default_factory=list)
    waiting: list[Tool] = field(default_factory=list)  # of the call before, which this continues
    held: list[Held] = field(default_factory=list)
    # How the last agent ended that no other agent called as a tool: status and message. In a stream
    # the error of too many turns is only in the span of this agent.
    ending: tuple[str, str | None] = ("succeeded", None)

    def settle(self, agent_id: str | None) -> None:
        """End the agent's unclear tools: it went on, so they had run and returned nothing."""
        for tool in [each for each in self.unclear if each.agent_id == agent_id]:
            self.unclear.remove(tool)
            tool.end()
        self.release()

    def refuse(self, agent_id: str | None) -> None:
        """End the agent's tools that still wait: it calls its model, so they were refused."""
        for tool in [each for each in self.waiting if each.agent_id == agent_id]:
            self.waiting.remove(tool)
            tool.end("cancelled")
        self.release()

    def end(self, part: Agent | Task, tools: list[Tool], status: str, message: str | None) -> None:
        """End the part after its unclear tools. The server ends a task's open tools with it."""
        self.held.append(Held(part, tools, status, message))
        self.release()

    def release(self) -> None:
        """Send the ends that no open tool holds back any more."""
        for each in [held for held in self.held if all(tool.has_ended for tool in held.tools)]:
            self.held.remove(each)
            each.part.end(each.status, message=each.message)

    def stopped(self) -> list[Tool | Agent | Task]:
        """Return what stays open while tools wait for approval: the tools, and what they are in."""
        return [*self.unclear, *(each.part for each in self.held)]

    def approved(self, name: str, given: dict[str, Any] | None) -> Tool | None:
        """Return the tool that waited for this call, or None. The SDK gives no id of the call."""
        named = [tool for tool in self.waiting if tool.name == name]
        if given is None and len(named) == 1:  # arguments are not in the spans
            found: Tool | None = named[0]
        else:
            shown = snapshot(given) if given else None
            same = (tool for tool in named if given is not None and tool.params == shown)
            found = next(same, None)
        if found is not None:
            self.waiting.remove(found)
        return found


@dataclass(eq=False)
class Entry:
    """The objects that belong to a span."""

    scope: Scope  # the parent of its children
    root: Root
    parent: "Entry | None" = None
    begun: Agent | Task | Tool | LLM | None = None
    before: BaseException | None = None  # an exception that was being handled when it began
    tools: list["Entry"] = field(default_factory=list)  # of a turn or an agent
    unclear: list[Tool] = field(default_factory=list)  # those of the root that are below this span
    error: str | None = None
    started: bool = False  # the hook has seen the tool start
    hooked: bool = False  # the SDK has called a hook of the adapter in this span
    waits: bool = False  # the run is paused, or a person is asked, so the tool has not begun
    cancelled: str | None = None  # the message of a span below it that a user has cancelled
    pending: Any = None  # the data of a tool that is not reported yet

    @property
    def agents(self) -> int:
        """How many agents it is in: one that another agent or a guardrail calls is in two."""
        above = self.parent.agents if self.parent is not None else 0
        return above + isinstance(self.begun, Agent)

    @property
    def will_wait(self) -> bool:
        """Whether the tool will wait or end in a hook of the adapter, before it begins."""
        run, hooked = self.root.run, self.parent is not None and self.parent.hooked
        return hooked and (run.controls.paused or run.stop_requested)

    def leave_unclear(self, tool: Tool) -> None:
        """Do not end the tool yet, and what is around it only after the tool."""
        self.root.unclear.append(tool)
        around = self.parent
        while around is not None:
            around.unclear.append(tool)
            around = around.parent

    def child(self) -> "Entry":
        return Entry(self.scope, self.root, self)
