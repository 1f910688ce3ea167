"""CrewAI: a cancel of a user ends the crew, and while the run is paused its calls wait.

CrewAI calls these hooks before each model call and each tool, in the thread of the call. After
``HookAborted`` before a model call, ``kickoff`` raises it. Before a tool it only blocks the tool.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .. import context
from ..controls import Cancelled
from ..scope import Scope
from .common import quiet
from .crewai_approvals import HookAborted, hooks
from .crewai_entries import Entry

try:
    from crewai.events.event_context import get_current_parent_id, get_enclosing_parent_id
except ImportError:  # tests replay recorded sequences without it

    def get_current_parent_id() -> str | None:
        return None

    get_enclosing_parent_id = get_current_parent_id


class Steering:
    """Hooks around every model call and tool call in this process."""

    def __init__(
        self,
        entries: Mapping[str | None, Entry],
        entry_of: Callable[[str | None], Entry | None],
        *,
        gated: bool,
    ) -> None:
        self._entries = entries
        self._entry_of = entry_of
        self.gated = gated  # whether a gate then decides whether a tool begins
        if hooks is not None:
            hooks.register_before_llm_call_hook(self.before_model)
            hooks.register_before_tool_call_hook(self.before_tool)

    def close(self) -> None:
        """Remove the hooks. The crews can then no longer be paused or cancelled."""
        hooks.unregister_before_llm_call_hook(self.before_model)
        hooks.unregister_before_tool_call_hook(self.before_tool)

    def before_model(self, about: Any) -> None:
        """Wait while the run is paused. Raises HookAborted if it was cancelled."""
        self._wait(self._scope())

    def before_tool(self, about: Any) -> None:
        """Do the same, and then report the start of a tool that has waited."""
        scope, event_id = self._scope(), get_current_parent_id()
        was_paused = scope is not None and scope.run.controls.paused
        self._wait(scope)
        if not self.gated:
            self._start(self._entry_of(event_id) if was_paused else self._entries.get(event_id))

    def _wait(self, scope: Scope | None) -> None:
        try:
            if scope is not None:
                scope.run.at_start()
        except Cancelled as cancelled:
            raise HookAborted(str(cancelled)) from cancelled

    @quiet
    def _start(self, entry: Entry | None) -> None:
        if entry is not None:
            entry.start_tool()

    @quiet
    def _scope(self) -> Scope | None:
        """Return the scope of the call that begins, or None outside of runs.

        The entry of the call itself may not exist yet, but that of its caller does. If neither does
        and no run is around the call, wait for the bus, which may still have events.
        """
        ids = (get_current_parent_id(), get_enclosing_parent_id())
        entry = next((found for id in ids if (found := self._entries.get(id))), None)
        if entry is None and (around := context.current()) is not None:
            return around
        entry = entry or self._entry_of(ids[0])
        return entry.scope if entry is not None else None
