"""A text in pages: the next is shown on request, and whether the last has been shown is known."""

from collections.abc import Callable

from rich.text import Text

LEAST_COLUMNS = 12
LEAST_ROWS = 2
TOO_SMALL = "Enlarge the terminal."


class Pages:
    """``wrap`` returns the rows of the text for a number of columns.

    ``has_ended``: whether the last row has been shown in the terminal's present size.
    """

    def __init__(self, wrap: Callable[[int], list[Text]], size: tuple[int, int]) -> None:
        self._wrap = wrap
        self.fit(size)

    @property
    def are_several(self) -> bool:
        return self._shown < len(self._rows)

    def fit(self, size: tuple[int, int]) -> None:
        """Begin again with the first page: the terminal has this size now, columns and rows."""
        self._columns = size[0]
        self._rows = self._wrap(size[0])
        self._top = self._shown = 0  # the first row of the page, and how many are shown
        self.has_ended = False

    def page(self, height: int) -> list[Text]:
        """Return the page that is shown now, of at most ``height`` rows.

        If it is not the whole text, its last row says which part it is.
        """
        if height < LEAST_ROWS or self._columns < LEAST_COLUMNS:
            self._shown = 0
            return [Text(TOO_SMALL, style="yellow")]
        total = len(self._rows)
        self._shown = height if total <= height else height - 1
        if total <= height:
            self._top = 0
        until = min(self._top + self._shown, total)
        self.has_ended = self.has_ended or until == total
        rows = self._rows[self._top : until]
        if self.are_several:
            rows.append(Text(f"rows {self._top + 1} to {until} of {total}", style="dim"))
        return rows

    def turn(self, *, back: bool = False) -> None:
        """Show the next page or the one before. No row is left out, however often it is called."""
        if back:
            self._top = max(self._top - self._shown, 0)
        elif self._top + self._shown < len(self._rows):
            self._top += self._shown
        self._shown = 0  # until it has been shown
