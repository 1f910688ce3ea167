"""The state that the adapter of LangChain stores for a call."""

from dataclasses import dataclass, field
from typing import Any

from ..runs import Run
from ..scope import Agent, Scope, Task
from ..tools import Tool

Begun = dict[tuple[str, ...], Run | Agent | Task | Tool]


@dataclass
class Entry:
    """The objects that belong to a run id of LangChain."""

    scope: Scope  # the parent of its children
    agent: str | None
    begun: Begun = field(default_factory=dict)
    root: bool = False
    thread: Any = None
