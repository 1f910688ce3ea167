"""Which part of a large run a page shows, and what of it the reader has already."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.http import HttpRequest

OPENED_AT_MOST = 20  # tasks and tools that a reader has opened, in one question
VERSIONS_AT_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Window:
    """``page`` of the tasks, counted from 1, or that of the task or tool ``at``; else the newest.

    ``opened`` are tasks and tools that the reader has opened, ``has`` versions of parts that the
    reader's page shows: these are not sent again.
    """

    page: int | None = None
    at: str = ""
    opened: frozenset[str] = frozenset()
    has: frozenset[str] = frozenset()

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        page = request.GET.get("page", "")
        ids = [request.GET.get("at", ""), *request.GET.get("open", "").split(",")]
        at, *opened = [text if is_id(text) else "" for text in ids[: OPENED_AT_MOST + 1]]
        has = request.headers.get("X-Has", "").split(",")[:VERSIONS_AT_MOST]
        return cls(
            page=int(page) if page.isdecimal() and len(page) < 7 else None,
            at=at,
            opened=frozenset(filter(None, opened)),
            has=frozenset(filter(None, has)),
        )


def is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
