"""The state that the adapter of LangChain stores for a call."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from .. import reporter
from ..calls import LLM, STATUS, Call
from ..controls import OF_ADAPTERS, in_event_loop
from ..runs import Run
from ..scope import Agent, Scope, Task
from ..tools import Tool

Part = Agent | Task | Tool
Begun = dict[tuple[str, ...], Part]
HIDDEN = 1_000  # ids of calls that are not shown


class Hidden(OrderedDict[UUID, None]):
    """Calls that are not shown, or were ended with their caller: nor is what they still call."""

    def add(self, run_id: UUID) -> None:
        self[run_id] = None
        if len(self) > HIDDEN:
            self.popitem(last=False)

    def discard(self, run_id: UUID) -> None:
        self.pop(run_id, None)


def new_run(crew: str, name: str | None, *, loop: Any = None, begins_others: bool = True) -> Run:
    """Start and return the run of a call. `loop` is the event loop that awaits the handler, if any.

    A user controls the calls within it. A call that begins no others cannot be controlled. Sync
    code in the thread of a loop cannot wait, so there the run can only be cancelled.
    """
    taken: Sequence[str] = OF_ADAPTERS if begins_others else ()
    if loop is None and in_event_loop():
        taken = [each for each in taken if each != "pause"]
    run = Run(reporter.current(), crew, name, origin="langchain", controls=taken)
    return run.start()


@dataclass(eq=False)
class Root:
    """A call without a parent, and what of its run waits for a person."""

    run: Run
    owned: bool  # whether the adapter ends the run
    thread: Any = None
    paused: Begun = field(default_factory=dict)  # by this call
    resumed: Begun = field(default_factory=dict)  # by the call before, to be continued by this one
    in_thread: bool = field(default_factory=lambda: not in_event_loop())
    loops: set[Any] = field(default_factory=set)  # event loops that await the handler

    @property
    def can_wait(self) -> bool:
        """Whether its calls may block their threads. If not, they block an event loop as well."""
        return self.in_thread or bool(self.loops)


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
