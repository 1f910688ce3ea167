"""What the adapter of LangChain keeps of a call."""

from dataclasses import dataclass, field
from typing import Any

from ..runs import Run
from ..scope import Agent, Scope, Task
from ..tools import Tool

Begun = dict[tuple[str, ...], Run | Agent | Task | Tool]


@dataclass
class Entry:
    """What a run id of LangChain stands for here."""

    scope: Scope  # where its children are
    agent: str | None
    begun: Begun = field(default_factory=dict)
    root: bool = False
    thread: Any = None
