"""Parts of the views: marks, colours, bars, and text without control characters."""

import time
from collections.abc import Callable

from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

BAR_WIDTH = 20
MESSAGE_WIDTH = 60

STYLES = {
    "running": "yellow",
    "thinking": "yellow",
    "working": "yellow",
    "waiting": "yellow",
    "busy": "yellow",
    "succeeded": "green",
    "success": "green",
    "done": "green",
    "approved": "green",
    "available": "green",
    "failed": "red",
    "error": "red",
    "completed_with_errors": "red",
    "offline": "red",
    "denied": "red",
    "expired": "red",
    "cancelled": "magenta",
    "paused": "blue",
}
MARKS = {"green": "✓", "red": "✗", "magenta": "■", "blue": "‖"}

_spinner = Spinner("dots")


def plain(value: object, limit: int = MESSAGE_WIDTH) -> str:
    """``value`` on one line without control characters, which a tool may have written.

    Pass it to rich as ``Text``: in a plain string rich reads square brackets as markup.
    """
    text = "".join(char if char.isprintable() else " " for char in str(value)).strip()
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def mark(status: str) -> Text:
    """A spinner while it is running, ‖ in a pause, ✓ or ✗ after the end, a dot before it begins."""
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


def control_line(control: dict) -> Text:
    """Return the line of a control: its action, its requester and its status."""
    line = Text.assemble(("⏵ ", "dim"), plain(control.get("action", "control")))
    if text := control.get("text"):
        line.append(f" “{plain(text, 60)}”")
    if by := control.get("by"):
        line.append(f" by {plain(by)}", style="dim")
    line.append(": ").append_text(word(control["status"]))
    if detail := control.get("detail"):
        line.append(f" {plain(detail, 200)}", style="dim")
    return line


def tool_line(tool: dict, *, is_stopped: bool = False) -> Table:
    """Mark, name, bar or duration, message of a tool call. ``is_stopped``: by a pause."""
    line = Table.grid(padding=(0, 1))
    for _ in range(4):
        line.add_column(no_wrap=True, overflow="ellipsis")
    bar: ProgressBar | str = seconds(tool.get("duration_s"))
    if tool["status"] == "running":
        progress = tool.get("progress")
        pulses = progress is None and not is_stopped
        bar = ProgressBar(total=1, completed=progress or 0, width=BAR_WIDTH, pulse=pulses)
    message = Text(plain(tool.get("message") or ""), style="dim")
    sign = mark("paused" if is_stopped else tool["status"])
    line.add_row(sign, Text(plain(tool["tool"])), bar, message)
    return line


def call_line(call: dict) -> Text:
    """An open model call."""
    return Text.assemble(mark("thinking"), f" thinking: {plain(call['model'])}")


def approval_line(asked: dict) -> Text:
    """A tool call that waits for a person."""
    return Text.assemble(mark("waiting"), f" waits for approval: {plain(asked['tool'])}")


def decision_line(decided: dict, names: Callable[[str], str]) -> Text:
    """A tool call that waited: who decided what about it and why, or that nobody did in time."""
    decision = decided["decision"]
    line = Text.assemble(mark(decision), f" {plain(decided.get('tool', 'a tool call'))}")
    if agent_id := decided.get("agent_id"):
        line.append(f" of {plain(names(agent_id))}", style="dim")
    line.append(": ").append_text(word(decision))
    if by := decided["by"]:
        line.append(f" by {plain(by)}")
    if note := decided["note"]:
        line.append(f": {plain(note, 200)}", style="dim")
    return line


def budget_line(alert: dict) -> Text:
    """How much of a budget is used."""
    whose = "the crew today" if alert["period"] == "day" else "the run"
    measure = plain(alert["measure"].replace("_", " "))
    line = Text(f"budget: {whose} has used {alert['used']:,g} of {alert['limit']:,g} {measure}")
    line.stylize("red" if alert["level"] == "exceeded" else "yellow")
    return line


def handoff_line(handoff: dict, names: Callable[[str], str]) -> Text:
    """Who handed over to whom, and with which words."""
    one, other = (plain(names(handoff[name])) for name in ("from_agent_id", "to_agent_id"))
    return Text.assemble(f"{one} → {other} ", Text(plain(handoff["message"]), style="dim"))


def usage_line(usage: dict) -> Text:
    """Totals of model calls. A number that no call has reported is left out."""
    number = usage["model_calls"]
    parts = [f"{number} model call{'s' if number != 1 else ''}"]
    for name, unit in (("input_tokens", "tokens in"), ("output_tokens", "tokens out")):
        if usage[name] is not None:
            parts.append(f"{usage[name]:,} {unit}")
    if usage["cost_usd"] is not None:
        parts.append(f"${usage['cost_usd']:.4f}")
    for name, what in (("calls_without_usage", "usage"), ("calls_without_cost", "cost")):
        if usage[name]:
            parts.append(f"{usage[name]} without {what}")
    return Text(" · ".join(parts), style="dim")
