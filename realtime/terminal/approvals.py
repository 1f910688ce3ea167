"""The tool calls of a run that wait for approval, and the last that were decided."""

from typing import Any

from rich.text import Text

from runs.templatetags.run_page import as_text, visible

DECIDED_KEPT = 5


class Approvals:
    """According to the events of the run's stream. ``pending``: those that wait, oldest first.

    ``decided``: the last ones, ``{approval_id, decision, by, note, tool?, agent_id?}``; without
    the last two if the stream begins after the request.
    """

    def __init__(self) -> None:
        self.pending: dict[str, dict[str, Any]] = {}
        self.decided: list[dict[str, Any]] = []

    def feed(self, frame: dict[str, Any]) -> None:
        """Apply an event of the run's stream, or its ``reset``."""
        if frame["type"] == "reset":
            self.pending, self.decided = {}, []
        elif frame["type"] == "approval_requested":
            self.pending[frame["approval_id"]] = frame
        elif frame["type"] == "approval_decided":
            asked = self.pending.pop(frame["approval_id"], {})
            about = {name: asked[name] for name in ("tool", "agent_id") if name in asked}
            self.decided = [*self.decided, about | frame][-DECIDED_KEPT:]

    def decidable(self, *, by_admin: bool) -> list[dict[str, Any]]:
        """Return those that an admin, or else an operator, may decide."""
        return [one for one in self.pending.values() if by_admin or not one["admins_only"]]


def whole(asked: dict[str, Any], agent: str) -> Text:
    """Return the whole call, for a person who decides about it.

    An escape stands for each character that nobody sees. Each line of a parameter begins with a
    bar; print it with ``soft_wrap``, so that no other line looks like one.
    """
    text = Text()
    text.append(f"{_on_a_line(agent)} asks to call {_on_a_line(asked['tool'])}. ", style="bold")
    text.append(f"It waits until {asked['expires_at'][:19].replace('T', ' ')} UTC.\n")
    for name, value in asked["params"].items():
        text.append(f"{_on_a_line(name)}:\n", style="bold")
        for line in visible(as_text(value)).split("\n"):
            text.append("  │ ", style="dim").append(f"{line}\n")
    if not asked["params"]:
        text.append("It has no parameters.\n")
    return text


def _on_a_line(text: str) -> str:
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
