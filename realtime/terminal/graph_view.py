"""A crew's agents, or those of every crew, as a table with the tool each has in hand."""

from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

from realtime.terminal.drawing import mark, plain, tool_line
from realtime.terminal.tools import KINDS, Tools


class GraphView:
    """``name`` is asked for the name of a crew by its id."""

    def __init__(self, name: Callable[[str], str]) -> None:
        self.tools_of = None
        self._name = name
        self._tools = Tools()
        self._agents: dict[tuple[str, str], dict[str, Any]] = {}

    def feed(self, frame: dict[str, Any]) -> None:
        """Take in a frame of a graph stream."""
        self._tools.feed(frame)
        if frame["type"] == "snapshot":
            crew_id = frame["stream"].partition(":")[2]
            self._agents = {key: value for key, value in self._agents.items() if key[0] != crew_id}
            self._agents |= {(crew_id, agent["agent_id"]): agent for agent in frame["agents"]}
        elif frame["type"] == "gone":
            crew_id = frame["stream"].partition(":")[2]
            self._agents = {key: value for key, value in self._agents.items() if key[0] != crew_id}
        elif frame["type"] in KINDS:
            key = (frame["crew_id"], frame["agent_id"])
            self._agents.setdefault(key, {"name": frame["agent_id"], "role": ""})

    def render(self) -> Table | Text:
        """The table as it is now."""
        if not self._agents:
            return Text("No agent to see yet.", style="dim")
        table = Table(expand=True)
        table.add_column("Crew", no_wrap=True)
        table.add_column("Agent", no_wrap=True)
        table.add_column("Role", no_wrap=True, style="dim")
        table.add_column("Tool", no_wrap=True, ratio=1)
        for (crew_id, agent_id), agent in self._agents.items():
            call = self._newest(crew_id, agent_id)
            table.add_row(
                Text(plain(self._name(crew_id))),
                Text(plain(agent["name"])),
                Text(plain(agent["role"])),
                tool_line(call) if call else Text.assemble(mark(""), " idle"),
            )
        return table

    def _newest(self, crew_id: str, agent_id: str) -> dict[str, Any] | None:
        calls = [
            call
            for call in self._tools.calls.values()
            if (call["crew_id"], call["agent_id"]) == (crew_id, agent_id)
        ]
        return max(calls, key=lambda call: call["started_at"], default=None)
