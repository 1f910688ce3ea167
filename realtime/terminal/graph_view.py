"""A table of the agents of a crew or of all crews, each with its running model or tool call."""

from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

from realtime.terminal.drawing import call_line, mark, plain, tool_line
from runs.events.kinds import KINDS
from runs.events.state import CrewState

RUNS_FOLLOWED = 20  # at the same time
HELD = {"paused": "paused", "waiting": "waits for approval"}


class GraphView:
    """``name(crew_id)`` returns the name of a crew."""

    def __init__(self, name: Callable[[str], str]) -> None:
        self._name = name
        self._crews: dict[str, CrewState] = {}

    def feed(self, frame: dict[str, Any]) -> None:
        """Apply a frame of a graph stream or of a run's stream."""
        crew_id = frame.get("crew_id") or (frame.get("stream") or "").partition(":")[2]
        if frame["type"] == "gone":
            self._crews.pop(crew_id, None)
        elif frame["type"] == "snapshot" or frame["type"] in KINDS:
            self._crews.setdefault(crew_id, CrewState()).apply(frame)

    @property
    def more_streams(self) -> list[str]:
        """The streams of the runs whose tools or models are at work: they report pauses."""
        crews = self._crews.values()
        calls = [c for crew in crews for c in crew.executions.values() if c["status"] == "running"]
        calls += [call for crew in crews for call in crew.model.calls.values()]
        return [f"runs/{id}" for id in dict.fromkeys(c["run_id"] for c in calls)][:RUNS_FOLLOWED]

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
                    _current_call(crew, agent_id),
                )
        return table


def _current_call(crew: CrewState, agent_id: str) -> Table | Text:
    """The agent's newest open model call, else what holds it up, else its newest tool call."""
    if thoughts := crew.model_calls_of(agent_id):
        return call_line(thoughts[-1])
    calls = crew.calls_of(agent_id)
    newest = max(calls, key=lambda call: call["started_at"], default=None)
    is_running = newest is not None and newest["status"] == "running"
    if not is_running and (state := crew.state_of(agent_id)) in HELD:
        return Text.assemble(mark(state), f" {HELD[state]}")
    if newest is None:
        return Text.assemble(mark(""), " idle")
    return tool_line(newest, is_stopped=crew.is_stopped(newest))
