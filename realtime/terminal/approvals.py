"""The tool calls of a run that wait for approval, and the last that were decided."""

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from realtime.terminal.drawing import plain
from runs.events.run_state import RunState
from runs.templatetags.run_filters import as_text, visible

DECIDED_KEPT = 5
BAR, REST = "  │ ", "  ┆ "  # before a line of a parameter, and before the rest of a long one
REST_OF_NAME = "┆ "


class Approvals:
    """The whole requests of those calls that wait according to ``run``.

    `RunState` leaves their parameters out: they may be large, and it is also the state that AG-UI
    clients are sent and that the browser keeps.

    ``decided``: the last ones, ``{approval_id, decision, by, note, tool?, agent_id?}``; without
    the last two if the stream begins after the request.
    """

    def __init__(self, run: RunState) -> None:
        self._run = run
        self._asked: dict[str, dict[str, Any]] = {}
        self.decided: list[dict[str, Any]] = []

    @property
    def pending(self) -> dict[str, dict[str, Any]]:
        """Those that wait, oldest first."""
        return {one: asked for one, asked in self._asked.items() if one in self._run.approvals}

    def feed(self, frame: dict[str, Any]) -> None:
        """Keep what is needed of an event that ``run`` has applied, or of its ``reset``."""
        if frame["type"] == "reset":
            self._asked, self.decided = {}, []
        elif frame["type"] == "approval_requested":
            self._asked[frame["approval_id"]] = frame
        elif frame["type"] == "approval_decided":
            asked = self._asked.pop(frame["approval_id"], {})
            about = {name: asked[name] for name in ("tool", "agent_id") if name in asked}
            self.decided = [*self.decided, about | frame][-DECIDED_KEPT:]

    def decidable(self, *, by_admin: bool) -> list[dict[str, Any]]:
        """Return those that an admin, or else an operator, may decide."""
        return [one for one in self.pending.values() if by_admin or not one["admins_only"]]

    def why_over(self, approval_id: str) -> str:
        """Why the call does not wait any more, for a person who was about to decide."""
        for one in self.decided:
            if one["approval_id"] == approval_id:
                by = one["by"]
                return f"Decided by {plain(by)} meanwhile." if by else "The call has expired."
        return "The call does not wait any more."


def rows_of(asked: dict[str, Any], agent: str, columns: int) -> list[Text]:
    """Return the rows of the whole call, for a person who decides about it.

    An escape stands for each character that nobody sees. Each row of a parameter begins with a bar,
    a dotted one if it continues the row before. So no row looks like one of another kind.
    """
    until = f"It waits until {asked['expires_at'][:19].replace('T', ' ')} UTC."
    heading = f"{_on_a_line(agent)} asks to call {_on_a_line(asked['tool'])}. {until}"
    rows = [*_rows(heading, columns, "", REST_OF_NAME, "bold")]
    for name, value in asked["params"].items():
        rows += _rows(f"{_on_a_line(name)}:", columns, "", REST_OF_NAME, "bold")
        for line in visible(as_text(value)).split("\n"):
            rows += _rows(line.expandtabs(), columns, BAR, REST, "")
    if not asked["params"]:
        rows.append(Text("It has no parameters."))
    return rows


def _rows(line: str, columns: int, first: str, rest: str, style: str) -> Iterator[Text]:
    """Yield the line in rows of at most ``columns`` cells, with what begins each of them."""
    begin, start, used = first, 0, _cells(first)
    for at, char in enumerate(line):
        if used + _cells(char) > columns and at > start:
            yield _row(begin, line[start:at], style)
            begin, start, used = rest, at, _cells(rest)
        used += _cells(char)
    yield _row(begin, line[start:], style)


def _row(begin: str, text: str, style: str) -> Text:
    return Text(no_wrap=True, overflow="crop").append(begin, style="dim").append(text, style=style)


def _cells(text: str) -> int:
    """The most cells that a terminal may need. Many show one character more widely than rich
    assumes, and would wrap a row that is too long.
    """
    return sum(1 if char.isascii() else 2 for char in text)


def _on_a_line(text: str) -> str:
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
