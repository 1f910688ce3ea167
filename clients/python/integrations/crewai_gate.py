"""The approval gate of CrewAI, for crewai_cases.py."""

from typing import Any

from crewai.events.event_context import get_current_parent_id

from crewops_client.adapters.crewai_approvals import Gate


class Noted(Gate):
    """Notes what the hooks get and answer."""

    def __init__(self, listener: Any) -> None:
        self.calls = listener.calls
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
