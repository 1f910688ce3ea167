"""The tools of tasks, in pages. Each page reads only its own rows."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from crews.keyset import following
from runs.models import ToolExecution
from runs.pages.event_cursor import EventCursor
from runs.pages.history import RANK

AT_ONCE = 100  # a page with more is not useful
NEWEST_FIRST = ("-started_at", "-id")
OLDEST_FIRST = ("started_at", "id")


class ToolPages:
    """A page of ``calls``: the newest, the one that ends before a place, or the one around a tool.

    ``tools`` are its rows, oldest first. ``older`` is the place where the page of older tools ends,
    ``None`` if there are none.
    """

    def __init__(
        self,
        calls: QuerySet[ToolExecution],
        before: EventCursor | None = None,
        *,
        around: EventCursor | None = None,
        cut: Callable[[Any], list[ToolExecution]] = list,
    ) -> None:
        """``around`` is the place of a tool. ``cut`` returns rows as they were at a moment."""
        self._calls = calls
        self.before = before or (self._half_a_page_after(around) if around else None)
        if self.before:
            calls = calls.filter(following(NEWEST_FIRST, [self.before.at, self.before.id]))
        found = cut(calls.order_by(*NEWEST_FIRST)[: AT_ONCE + 1])[::-1]
        self.tools = found[-AT_ONCE:]
        self.older = cursor_of(self.tools[0]) if len(found) > AT_ONCE else None

    @property
    def leaves_out(self) -> bool:
        """Whether there are tools that the page does not have."""
        return bool(self.older or self.before)

    def has(self, moment: datetime) -> bool:
        """Whether what happened then belongs on this page, among its tools."""
        if self.before and moment >= self.before.at:
            return False
        return self.older is None or moment >= self.tools[0].started_at

    def _half_a_page_after(self, tool: EventCursor) -> EventCursor | None:
        """Return ``None`` if fewer tools than that come after it: the newest page has it."""
        later = self._calls.filter(following(OLDEST_FIRST, [tool.at, tool.id]))
        half = AT_ONCE // 2
        end = later.order_by(*OLDEST_FIRST)[half : half + 1].first()
        return cursor_of(end) if end else None


def cursor_of(tool: ToolExecution) -> EventCursor:
    return EventCursor(tool.started_at, RANK.index("tool_start"), str(tool.pk))
