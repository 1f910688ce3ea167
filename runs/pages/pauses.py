"""From when to when a run was paused, as its controls say."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from runs.models import Control

Span = tuple[datetime, datetime]


class Move(Protocol):
    """The fields of a `Control` that this needs."""

    action: str
    status: str
    ended_at: datetime | None


def pauses_of(controls: Iterable[Move], until: datetime) -> list[Span]:
    """Return the pauses, the oldest first. One that goes on ends at ``until``."""
    moves = [one for one in controls if one.status == Control.Status.APPLIED and one.ended_at]
    spans: list[Span] = []
    since = None
    for one in sorted(moves, key=lambda move: move.ended_at):
        if one.action == Control.Action.PAUSE:
            since = since or one.ended_at
        elif one.action == Control.Action.RESUME and since:
            spans.append((since, one.ended_at))
            since = None
    return [*spans, (since, until)] if since else spans
