"""CrewAI: tool calls wait for a person, with ``CrewOps("release-crew", approvals=True)``.

CrewAI reports the start of a tool before its hooks decide. It runs the tool if a hook fails. So
this adapter reports the start after the decision, and any exception here blocks the call.
"""

from collections.abc import Callable
from typing import Any

from .. import context
from . import gate
from .crewai_entries import Entry

try:
    from crewai import hooks
    from crewai.events.event_context import get_current_parent_id
    from crewai.hooks import HookAborted
except ImportError:  # tests replay recorded sequences without it
    hooks = None  # type: ignore[assignment]
    HookAborted = type("HookAborted", (Exception,), {})  # type: ignore[misc,assignment]

    def get_current_parent_id() -> str | None:
        return None


class Gate:
    """Hooks around every tool call in this process. They run in the thread of the call."""

    def __init__(self, entry_of: Callable[[str | None], Entry | None]) -> None:
        self._entry_of = entry_of
        self._refused: set[str | None] = set()  # ids of events that report the start of a tool
        # Calls that may begin and have no such event yet: the parent event's id, and the tool.
        self._passed: set[tuple[str | None, str]] = set()
        # Reasons of refused calls, by the id of the arguments: both hooks get the same object.
        self._refusals: dict[int, tuple[Any, str]] = {}
        if hooks is not None:
            hooks.register_before_tool_call_hook(self.before_tool)
            hooks.register_after_tool_call_hook(self.after_tool)

    def close(self) -> None:
        """Remove the hooks. Calls then no longer wait."""
        hooks.unregister_before_tool_call_hook(self.before_tool)
        hooks.unregister_after_tool_call_hook(self.after_tool)

    def before_tool(self, about: Any) -> None:
        """Wait until the call may begin. Raises HookAborted if it must not."""
        around, given = get_current_parent_id(), about.tool_input
        entry = None
        try:
            entry = self._entry_of(around)
            scope = entry.scope if entry is not None else context.current()
            params = given if isinstance(given, dict) else {"input": given}
            gate.wait(scope, about.tool_name, params)
            if entry is not None and entry.held is not None:
                entry.start_tool()
            else:  # CrewAI reports the start later
                self._passed.add((around, about.tool_name))
        except Exception as error:
            text = gate.reason(about.tool_name, error)
            if entry is None or entry.held is not None:  # else CrewAI never reports its start
                self._refused.add(around)
            self._refusals[id(given)] = (given, text)
            raise HookAborted(text) from error

    def after_tool(self, about: Any) -> str | None:
        """Return the text that the model reads of a refused call, or None for other calls."""
        _, text = self._refusals.pop(id(about.tool_input), (None, None))
        return text

    def has_passed(self, started: Any) -> bool:
        """Return whether this tool call was asked about before CrewAI reported its start."""
        for event_id in (started.event_id, started.parent_event_id):
            if (event_id, started.tool_name) in self._passed:
                self._passed.remove((event_id, started.tool_name))
                return True
        return False

    def has_refused(self, event_id: str) -> bool:
        """Return whether this event reports the start of a call that was refused."""
        refused = event_id in self._refused
        self._refused.discard(event_id)
        return refused
