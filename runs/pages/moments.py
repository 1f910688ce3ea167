"""Moments of a run's past, as pages name them in their address: ``?at=2026-01-31T12:00:00Z``."""

from collections.abc import Iterable
from datetime import UTC, datetime

LONGEST = 40  # characters of a time


def moment_in(texts: Iterable[str]) -> datetime | None:
    """The first of the texts that is a time with a time zone, in UTC."""
    for text in texts:
        try:
            moment = datetime.fromisoformat(text[:LONGEST])
            if moment.tzinfo:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None
