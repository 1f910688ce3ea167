"""The text of an output as a terminal ends up, by the emulator pyte, for pages without a script.

The run page has an emulator of its own in the browser (`pages/terminal_screen.js`), which shows
colours, too. Both are tested with the same vectors (`runs/tests/output/vectors.json`).
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import pyte
from wcwidth import wcwidth

from runs.pages.transcript import ESCAPES, needs_terminal, plain

COLUMNS = 400  # as much of a line as a comparison shows; longer lines are broken
ROWS = 50
EMULATED_CHARS = 50_000  # the end of an output: up to half a second of the processor
CELLS_AT_MOST = 1_000_000  # that all its sequences may erase or move

IGNORED = "\x7f"  # by the emulator; it ends a sequence, so that the text around it forms none
CONTROLS = "\a\b\t\n\r\x1b"
SEQUENCE = re.compile(
    r"\x1b\[([0-9;]{0,20})([@ABCDEFGHJKLMPXade`fr])"  # cursor, erasing, regions; not colours
    r"|\x1b([78DEM])"
    rf"|(?:{ESCAPES.pattern})"
    r"|\x1b"
)
ALTERNATE = re.compile(r"\x1b\[\?(?:47|1047|1049)([hl])")
CELLS = {"J": ROWS * COLUMNS} | dict.fromkeys("K@PX", COLUMNS) | dict.fromkeys("LM", ROWS)


def settled(output: str) -> str:
    """Return the text of ``output`` as a terminal of `COLUMNS` and `ROWS` ends up.

    Spaces at the ends of lines are left out. Only the last `EMULATED_CHARS` characters are
    emulated: from the text before them, escape sequences are removed.
    """
    output = output.replace("\r\n", "\n")
    if not needs_terminal(output):
        return output
    start = max(len(output) - EMULATED_CHARS, 0)
    if start:
        start = output.find("\n", start) + 1 or start
    screen = _Screen()
    pyte.Stream(screen).feed(_safe(_without_alternate(output[start:])))
    return plain(output[:start]) + "\n".join(screen.text())


class _Screen(pyte.Screen):
    """A screen that keeps the lines that scroll off it."""

    def __init__(self) -> None:
        self._left: list[Mapping[int, Any]] = []
        super().__init__(COLUMNS, ROWS)
        self.set_mode(pyte.modes.LNM)  # a pipe has no driver that adds the carriage return

    def index(self) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom and top == 0:
            self._left.append(self.buffer[top])
        super().index()

    def text(self) -> list[str]:
        rows = [*self._left, *(self.buffer[y] for y in range(self.lines))]
        lines = ["".join(row[x].data for x in range(max(row, default=-1) + 1)) for row in rows]
        lines = [line.rstrip(" ") for line in lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines


def _safe(text: str) -> str:
    """Return ``text`` with only what the emulator handles, within `CELLS_AT_MOST`."""
    # At a character without a width, the emulator would drop the rest of the line.
    invisible = [c for c in set(text) if wcwidth(c) < 1 and not unicodedata.combining(c)]
    text = text.translate({ord(c): IGNORED for c in invisible if c not in CONTROLS})
    left = CELLS_AT_MOST

    def passed(match: re.Match[str]) -> str:
        nonlocal left
        parameters, final, escape = match.group(1, 2, 3)
        if escape:
            return match.group()
        left -= CELLS.get(final, 0)
        if not final or left < 0 or (final == "J" and parameters == "3"):
            return IGNORED
        return match.group()

    return SEQUENCE.sub(passed, text)


def _without_alternate(text: str) -> str:
    """Leave out the text that a full-screen program drew before it left its screen."""
    return "".join(_outside(text))


def _outside(text: str) -> Iterator[str]:
    begin, inside = 0, False
    for switch in ALTERNATE.finditer(text):
        if switch[1] == "h" and not inside:
            yield text[begin : switch.start()]
            begin, inside = switch.end(), True
        elif switch[1] == "l" and inside:
            begin, inside = switch.end(), False
    if inside:
        yield "\n"  # It is still on the screen, below the earlier text.
    yield text[begin:]
