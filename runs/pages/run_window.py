"""Which part of a large run a page shows, and which parts the browser has already.

How much a part holds: `run_outline` (tasks), `tool_pages`, `event_pages`.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Self
from urllib.parse import urlencode

from django.http import HttpRequest

from crews.text import is_uuid
from runs.events.encoding import iso_utc
from runs.pages.event_cursor import EventCursor
from runs.pages.moments import moment_in

OPENED_AT_MOST = 20  # tasks and tools that a user has opened, in one request
VERSIONS_AT_MOST = 1_000
AT_MOST = 4  # values of `at`: a task or tool, and a moment


@dataclass(frozen=True)
class Window:
    """The part of a large run that a page shows.

    ``page`` is a page of tasks, from 1. Without it: the page of the task or tool ``at``, or the
    newest. ``moment``: of the run's past; without it, the present. ``lanes`` is a page of the
    timeline's lanes, from 1. Without it: the lanes at work. ``events`` and ``tools`` are the places
    before which the page of events and that of tools end. Without them: the newest pages, or the
    tools around the tool ``at``.

    ``opened`` are the tasks and tools that the user has opened, the last one last. ``has`` are the
    versions of parts that the browser shows. These are not sent again.
    """

    page: int | None = None
    at: str = ""
    moment: datetime | None = None
    lanes: int | None = None
    events: EventCursor | None = None
    tools: EventCursor | None = None
    opened: tuple[str, ...] = ()
    has: frozenset[str] = frozenset()

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        asked = request.GET.getlist("at")[:AT_MOST]
        ids = request.GET.get("open", "").split(",")[:OPENED_AT_MOST]
        has = request.headers.get("X-Has", "").split(",")[:VERSIONS_AT_MOST]
        return cls(
            page=_number(request.GET.get("page", "")),
            at=next(filter(is_uuid, asked), ""),
            moment=moment_in(asked),
            lanes=_number(request.GET.get("lanes", "")),
            events=EventCursor.read(request.GET.get("events", "")),
            tools=_tool(EventCursor.read(request.GET.get("tools", ""))),
            opened=tuple(filter(is_uuid, ids)),
            has=frozenset(filter(None, has)),
        )

    def query(self, **changes: Any) -> str:
        """Return the query string of this window with ``changes``. ``None`` removes a part."""
        shown = {"page": self.page, "at": self.at, "lanes": self.lanes}
        shown |= {"events": self.events, "tools": self.tools}
        shown |= {"moment": self.moment} | changes
        moment = shown.pop("moment")
        named = [(name, value) for name, value in shown.items() if value]
        return urlencode([*named, ("at", iso_utc(moment))] if moment else named)

    @cached_property
    def moment_query(self) -> str:
        """The text to add to ``?at=`` and the id of a task or tool, to stay at the moment."""
        return f"&{urlencode({'at': iso_utc(self.moment)})}" if self.moment else ""


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 7 else None


def _tool(cursor: EventCursor | None) -> EventCursor | None:
    return cursor if cursor and cursor.of_kind == "tool_start" else None
