"""The keys of `manage.py watch run`: those that the run takes now and the user may use.

`steering` does what they say.
"""

from collections.abc import Iterable
from typing import Any

from rich.text import Text

from realtime.terminal.requests import Before, Rights
from realtime.terminal.run_view import RunView

CONTROLS = {"p": "pause", "m": "message", "c": "cancel"}
FAILED = ("refused", "too_late")


class Choices:
    """``last``: a control as the server answered. It may be older than the first event.

    ``before``: what counts while no event says otherwise.
    """

    def __init__(
        self, view: RunView, rights: Rights, last: dict[str, Any] | None, before: Before
    ) -> None:
        self._view = view
        self._rights = rights
        known = view.run.controls
        is_unknown = last is not None and last["control_id"] not in known
        controls = [*known.values(), *([last] if is_unknown else [])]
        self._wants_pause = _wants_pause(controls, before.is_paused)
        self._is_cancelling = any(one.get("action") == "cancel" for one in _in_effect(controls))

    @property
    def keys(self) -> dict[str, str]:
        """Each key with what it does."""
        keys = {}
        takes = () if self._view.run.is_over or self._is_cancelling else self._rights.takes
        for key, action in CONTROLS.items():
            if self._rights.may_operate and action in takes:
                is_paused = action == "pause" and self._wants_pause
                keys[key] = "resume" if is_paused else action
        if waiting := len(self.decidable):
            keys["a"] = f"decide about a call ({waiting} waiting)"
        return keys | {"q": "quit"}

    @property
    def decidable(self) -> list[dict[str, Any]]:
        """The calls about which the user may decide, oldest first."""
        if not self._rights.may_operate:
            return []
        return self._view.approvals.decidable(by_admin=self._rights.may_manage)

    def why_not(self, key: str) -> str:
        """Why `keys` does not have ``key``, for the user."""
        if not self._rights.may_operate:
            return "You may watch this run but not control it."
        if key == "a":
            waits = bool(self._view.approvals.pending)
            return "Only admins decide about this call." if waits else "No call waits."
        if self._is_cancelling:
            return "The run is being cancelled. It takes no other control."
        return f"This run does not take it: {CONTROLS[key]}."

    def line(self) -> Text:
        line = Text()
        for key, does in self.keys.items():
            line.append(" · " if line else "", style="dim")
            line.append(key, style="bold").append(f" {does}", style="dim")
        return line


def _wants_pause(controls: Iterable[dict[str, Any]], before: bool) -> bool:
    """Whether the newest pause or resume that was not refused is a pause.

    If there is none at all, it is as ``before``.
    """
    moves = [one for one in controls if one.get("action") in ("pause", "resume")]
    if not moves:
        return before
    return [one["action"] for one in _in_effect(moves)][-1:] == ["pause"]


def _in_effect(controls: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are pending or applied, and whose request is known."""
    return [one for one in controls if "action" in one and one["status"] not in FAILED]
