"""A view and the lines below it, in the height of the terminal."""

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment


class Fitted:
    """``view``, of which as much is left out as ``below`` needs. That is always shown."""

    def __init__(self, view: RenderableType, below: RenderableType) -> None:
        self._view = view
        self._below = below

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        below = console.render_lines(self._below, options, pad=False)
        lines = console.render_lines(self._view, options, pad=False)
        room = max(console.height - len(below), 1)
        if len(lines) > room:
            lines = [*lines[: room - 1], [Segment("…")]]
        for line in [*lines, *below]:
            yield from line
            yield Segment.line()
