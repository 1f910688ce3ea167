"""A table of the crews and their status."""

from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

from realtime.terminal.drawing import mark, plain, word


class MissionView:
    """``name(crew_id)`` returns the name of a crew."""

    def __init__(self, name: Callable[[str], str]) -> None:
        self.more_streams: list[str] = []
        self._name = name
        self._crews: dict[str, dict[str, Any]] = {}

    def feed(self, frame: dict[str, Any]) -> None:
        """Apply a frame of the mission socket."""
        if frame["type"] == "signal":
            self._crews[frame["crew_id"]] = frame
        elif frame["type"] == "gone":
            self._crews.pop(frame["stream"].partition(":")[2], None)

    def render(self) -> Table | Text:
        """The current table."""
        if not self._crews:
            return Text("No crew to see yet.", style="dim")
        table = Table()
        for column in ("Crew", "Status", "Since (UTC)"):
            table.add_column(column)
        for crew_id, frame in sorted(self._crews.items(), key=lambda crew: self._name(crew[0])):
            status = frame["payload"]["status"]
            table.add_row(
                Text(plain(self._name(crew_id))),
                Text.assemble(mark(status), " ", word(status)),
                Text(plain(frame["timestamp"][:19].replace("T", " "))),
            )
        return table
