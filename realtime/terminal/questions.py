"""What the last line of `manage.py watch run` asks, and the text that is typed as the answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from realtime.terminal.drawing import plain
from realtime.terminal.pages import Pages
from runs.models.approval import NOTE_LIMIT
from runs.models.control import CONTROL_TEXT_LIMIT

ESCAPE = "\x1b"
ENTER = ("\n", "\r")
BACKSPACE = ("\x7f", "\b")
CLEAR = "\x15"  # Ctrl-U
UP, DOWN = "\x1b[A", "\x1b[B"
FORWARD, BACK = (" ", DOWN), (UP,)
# Arrows in both modes of a terminal, and the keys for pages.
SEQUENCES = {UP: UP, "\x1bOA": UP, "\x1b[5~": UP, DOWN: DOWN, "\x1bOB": DOWN, "\x1b[6~": DOWN}
TEXT_LIMITS = {"message": CONTROL_TEXT_LIMIT, "deny": NOTE_LIMIT}
SHOWN_CHARS = 200  # the end of a longer text

# An escape sequence, as that of an arrow, or one character.
KEY = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO?[^\x1b]|.", re.DOTALL)


@dataclass
class Prompt:
    """One question. ``kind``: cancel, message, decide, deny, or closed, which only says ``text``.

    ``asked``: the call it is about, and ``pages`` that show it.
    """

    kind: str
    asked: dict[str, Any] | None = None
    pages: Pages | None = None
    text: str = ""

    @property
    def takes_text(self) -> bool:
        return self.kind in TEXT_LIMITS

    def type(self, key: str) -> None:
        """Change the text by a key."""
        if key in BACKSPACE:
            self.text = self.text[:-1]
        elif key == CLEAR:
            self.text = ""
        elif key.isprintable():
            self.text = (self.text + key)[: TEXT_LIMITS[self.kind]]

    def line(self, *, has_ended: bool = True) -> Text:
        """The question, what was typed, and the keys that answer it.

        ``has_ended``: whether the call that it is about has been shown to its end.
        """
        tool = plain(self.asked["tool"]) if self.asked else ""
        back = "↑ back · " if self.pages and self.pages.are_several else ""
        begin, keys = {
            "cancel": ("Cancel the run? This cannot be undone.", "y cancel · n leave"),
            "message": ("Message: ", "Enter sends · Esc leaves"),
            "read": (f"Read on to approve {tool}.", f"space next · {back}n deny · Esc leave"),
            "decide": (f"Approve {tool} as shown above?", f"y approve · {back}n deny · Esc leave"),
            "deny": (f"Why is {tool} denied? May stay empty: ", "Enter denies · Esc leaves"),
            "closed": (self.text, "Press Enter or Esc."),
        }["read" if self.kind == "decide" and not has_ended else self.kind]
        line = Text(begin, style="bold")
        if self.takes_text:
            hidden = "…" if len(self.text) > SHOWN_CHARS else ""
            line.append(f"{hidden}{self.text[-SHOWN_CHARS:]}▏", style="not bold")
            if len(self.text) == TEXT_LIMITS[self.kind]:
                keys = f"{len(self.text)} characters, the most · {keys}"
        return line.append(f"  {keys}", style="not bold dim")


def keys_of(text: str) -> Iterator[str]:
    """Yield the keys that were typed. Of those that send an escape sequence only ↑ and ↓ count."""
    keys = (SEQUENCES.get(key, key) for key in KEY.findall(text))
    return (key for key in keys if len(key) == 1 or key in (UP, DOWN))
