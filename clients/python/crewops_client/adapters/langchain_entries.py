"""The state that the adapter of LangChain stores for a call."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ..calls import LLM, STATUS, Call
from ..runs import Run
from ..scope import Agent, Scope, Task
from ..tools import Tool

Part = Agent | Task | Tool
Begun = dict[tuple[str, ...], Part]


@dataclass(eq=False)
class Root:
    """A call without a parent, and what of its run waits for a person."""

    run: Run
    owned: bool  # whether the adapter ends the run
    thread: Any = None
    paused: Begun = field(default_factory=dict)  # by this call
    resumed: Begun = field(default_factory=dict)  # by the call before, to be continued by this one


@dataclass(eq=False)
class Entry:
    """The objects that belong to a run id of LangChain."""

    scope: Scope  # the parent of its children
    agent: str | None
    root: Root
    above: "Entry | None" = None
    begun: Begun = field(default_factory=dict)
    call: LLM | None = None
    below: "dict[UUID, Entry]" = field(default_factory=dict)  # children that have not ended

    def all_below(self) -> "Iterator[tuple[UUID, Entry]]":
        """Yield what is still open below this entry, children before their parents."""
        for run_id, child in list(self.below.items()):
            yield from child.all_below()
            yield run_id, child

    def end(self, status: str, message: str | None) -> None:
        """End what has begun with this entry, except the run."""
        begun = [*self.begun.values(), *([self.call] if self.call else [])]
        for each in reversed(begun):
            own = STATUS[status] if isinstance(each, Call) else status
            each.end(own, message=message)
