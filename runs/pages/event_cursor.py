"""The position of an event on the pages of a run: links name it, and pages are sorted by it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from runs.pages.fact_events import FACTS
from runs.pages.history import RANK, Entry

NUMBERED = frozenset(fact.kind for fact in FACTS)  # the kinds whose ids are numbers


@dataclass(frozen=True, slots=True, order=True)
class EventCursor:
    """The position of an event in the order of all: by time, then by rank, then by id.

    The rank puts a cause before its effect.
    """

    at: datetime
    rank: int
    id: str

    @classmethod
    def of(cls, entry: Entry) -> Self:
        return cls(entry.at, RANK.index(entry.type), entry.id)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Parse the text that ``str()`` returns. ``None`` for any other text."""
        at, *rest = text.split("~", 2)
        try:
            rank, id = rest
            moment = datetime.fromisoformat(at)
            if moment.tzinfo is None:
                return None
            cursor = cls(moment.astimezone(UTC), int(rank), id)
            if cursor.of_kind.startswith(("tool", "llm", "control", "approval", "budget")):
                UUID(id)
            if cursor.of_kind in NUMBERED:
                int(id)
        except (ValueError, IndexError, OverflowError):
            return None
        return cursor if cursor.rank >= 0 else None

    @property
    def of_kind(self) -> str:
        """The kind of its event, e.g. ``tool_start``."""
        return RANK[self.rank]

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.rank}~{self.id}"
