"""The state that the adapter of LangChain stores for a call."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ..calls import LLM, STATUS, Call
from ..controls import OF_ADAPTERS, in_event_loop
from ..runs import Run
from ..scope import Agent, Scope, Task
from ..tools import Tool
from . import common

Part = Agent | Task | Tool
Begun = dict[tuple[str, ...], Part]
HIDDEN = 1_000  # ids of calls that are not shown


class Hidden(OrderedDict[UUID, None]):
    """Ids of calls that are not reported, because they are hidden or ended with their caller.

    The calls below them are not reported either.
    """

    def add(self, run_id: UUID) -> None:
        self[run_id] = None
        if len(self) > HIDDEN:
            self.popitem(last=False)

    def discard(self, run_id: UUID) -> None:
        self.pop(run_id, None)


def new_run(
    crew: str, name: str | None, *, is_awaited: bool = False, begins_others: bool = True
) -> Run:
    """Start and return the run of a call. `is_awaited`: async code awaits the handler.

    A user controls the calls within it. A call that begins no others cannot be controlled. Sync
    code in the thread of a loop cannot wait, so there the run can only be cancelled.
    """
    taken: Sequence[str] = OF_ADAPTERS if begins_others else ()
    if in_event_loop() and not is_awaited:
        taken = [each for each in taken if each != "pause"]
    return common.new_run(crew, name, "langchain", taken).start()


@dataclass(eq=False)
class Root:
    """A call without a parent, and what of its run waits for a person."""

    run: Run
    owned: bool  # whether the adapter ends the run
    thread: Any = None
    paused: Begun = field(default_factory=dict)  # by this call
    resumed: Begun = field(default_factory=dict)  # by the call before, to be continued by this one
    can_wait: bool = True  # whether its calls may block their threads, and block no event loop


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
