"""A table of the agents of a crew or of all crews, each with its running model or tool call."""

from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

from realtime.terminal.drawing import call_line, mark, plain, tool_line
from runs.events.kinds import KINDS
from runs.events.state import CrewState


class GraphView:
    """``name(crew_id)`` returns the name of a crew."""

    def __init__(self, name: Callable[[str], str]) -> None:
        self.tools_of = None
        self._name = name
        self._crews: dict[str, CrewState] = {}

    def feed(self, frame: dict[str, Any]) -> None:
        """Apply a frame of a graph stream."""
        crew_id = frame.get("crew_id") or (frame.get("stream") or "").partition(":")[2]
        if frame["type"] == "gone":
            self._crews.pop(crew_id, None)
        elif frame["type"] == "snapshot" or frame["type"] in KINDS:
            self._crews.setdefault(crew_id, CrewState()).apply(frame)

    def render(self) -> Table | Text:
        """The current table."""
        if not any(crew.agents for crew in self._crews.values()):
            return Text("No agent to see yet.", style="dim")
        table = Table(expand=True)
        table.add_column("Crew", no_wrap=True)
        table.add_column("Agent", no_wrap=True)
        table.add_column("Role", no_wrap=True, style="dim")
        table.add_column("Tool", no_wrap=True, ratio=1)
        for crew_id, crew in self._crews.items():
            for agent_id, agent in crew.agents.items():
                table.add_row(
                    Text(plain(self._name(crew_id))),
                    Text(plain(agent["name"])),
                    Text(plain(agent["role"])),
                    _in_hand(crew, agent_id),
                )
        return table


def _in_hand(crew: CrewState, agent_id: str) -> Table | Text:
    """The agent's newest open model call, else its newest tool call."""
    if thoughts := crew.model_calls_of(agent_id):
        return call_line(thoughts[-1])
    calls = crew.calls_of(agent_id)
    newest = max(calls, key=lambda call: call["started_at"], default=None)
    return tool_line(newest) if newest else Text.assemble(mark(""), " idle")
