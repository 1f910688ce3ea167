"""What the views have in common: marks, colours, bars, and text that cannot steer the terminal."""

import time

from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

BAR_WIDTH = 20
MESSAGE_WIDTH = 60

STYLES = {
    "running": "yellow",
    "working": "yellow",
    "busy": "yellow",
    "succeeded": "green",
    "success": "green",
    "done": "green",
    "available": "green",
    "failed": "red",
    "error": "red",
    "completed_with_errors": "red",
    "offline": "red",
    "cancelled": "magenta",
}
MARKS = {"green": "✓", "red": "✗", "magenta": "■"}

_spinner = Spinner("dots")


def plain(value: object, limit: int = MESSAGE_WIDTH) -> str:
    """``value`` on one line without control characters, which a tool may have written.

    Give it to rich as ``Text``: in a plain string it would take square brackets for its markup.
    """
    text = "".join(char if char.isprintable() else " " for char in str(value)).strip()
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def mark(status: str) -> Text:
    """A spinner for what goes on, ✓ or ✗ for what ended, a dot for what waits."""
    style = STYLES.get(status, "dim")
    if style == "yellow":
        frame = _spinner.render(time.time())
        assert isinstance(frame, Text)
        return Text(frame.plain, style=style)
    return Text(MARKS.get(style, "·"), style=style)


def word(status: str) -> Text:
    return Text(plain(status).replace("_", " "), style=STYLES.get(status, "dim"))


def seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def tool_line(tool: dict) -> Table:
    """Mark, name, bar or duration, message of a tool call."""
    line = Table.grid(padding=(0, 1))
    for _ in range(4):
        line.add_column(no_wrap=True, overflow="ellipsis")
    bar: ProgressBar | str = seconds(tool.get("duration_s"))
    if tool["status"] == "running":
        progress = tool.get("progress")
        bar = ProgressBar(total=1, completed=progress or 0, width=BAR_WIDTH, pulse=progress is None)
    message = Text(plain(tool.get("message") or ""), style="dim")
    line.add_row(mark(tool["status"]), Text(plain(tool["tool"])), bar, message)
    return line
