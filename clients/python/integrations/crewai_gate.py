"""The hooks of CrewAI's adapter, for crewai_cases.py."""

from typing import Any

from crewai.events.event_context import get_current_parent_id, get_enclosing_parent_id

from crewops_client.adapters.crewai_approvals import Gate
from crewops_client.adapters.crewai_controls import Steering


class Noted(Gate):
    """Notes what the hooks get and answer."""

    def __init__(self, listener: Any) -> None:
        self.calls = listener.calls
        listener._steering.gated = True
        super().__init__(listener.entry_of)

    def before_tool(self, about: Any) -> None:
        given = {"tool_name": about.tool_name, "tool_input": dict(about.tool_input)}
        try:
            super().before_tool(about)
        finally:
            self.calls.append(["before_tool", [], given | {"around": get_current_parent_id()}])

    def after_tool(self, about: Any) -> str | None:
        text = super().after_tool(about)
        self.calls.append(["after_tool", [], {"text": text}])
        return text


class Steered(Steering):
    """Notes where the hooks are called."""

    def __init__(self, listener: Any) -> None:
        self.calls = listener.calls
        super().__init__(listener._entries, listener.entry_of, gated=False)

    def note(self, name: str) -> None:
        ids = [get_current_parent_id(), get_enclosing_parent_id()]
        self._entry_of(ids[0])  # so that the events so far are noted before it
        self.calls.append([name, ids, {}])

    def before_model(self, about: Any) -> None:
        self.note("before_model")
        super().before_model(about)

    def before_tool(self, about: Any) -> None:
        self.note("before_tool")
        super().before_tool(about)
