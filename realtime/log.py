"""The durable event log: append, read since, head, prune. The only writer of its tables.

``append`` moves the stream's head and writes the events in one transaction, and the stream's row
stays locked until that commits. So the order of ``seq`` is the order of commits, no number is ever
left out, and a rollback leaves no hole. (Numbers from an autoincrement column are handed out before
the commit: a reader that asks for "greater than the last" would skip the slower writer's.)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from realtime.events import Event, encode
from realtime.models import Event as LoggedEvent
from realtime.models import Stream
from realtime.models.stream import new_epoch

PAGE_EVENTS = 500  # events read at once
PAGE_BYTES = 256 * 1024  # a page ends with the event that reaches this many characters
LAST_TYPE = "done"  # the event that closes its stream


class StreamClosed(Exception):
    """The stream has had its last event; nothing follows it."""


class Entry(NamedTuple):
    """An event in the log: its place, its type and its text."""

    seq: int
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Position:
    """Where a stream stands. ``floor``: events up to this seq have been pruned."""

    epoch: str
    head: int
    floor: int
    closed: bool

    def refuses(self, since: int, epoch: str | None) -> str | None:
        """Why a client cannot resume after ``since``; ``None`` when it can."""
        if epoch is not None and epoch != self.epoch:
            return "epoch_changed"
        if since > self.head:
            return "ahead"
        if since < self.floor:
            return "pruned"
        return None


def append(stream: str, events: Sequence[Event]) -> list[Entry]:
    """Append ``events`` in order, within the caller's transaction or one of their own.

    Take it last in the transaction: it holds the stream's lock until the commit. Several streams go
    in the order graph, run, mission. Raises ``StreamClosed`` after a ``done``.
    """
    if not events:
        return []
    now = timezone.now()
    closes = events[-1].type == LAST_TYPE
    with transaction.atomic():
        first = _move_head(stream, len(events), closed_at=now if closes else None)
        entries = [
            Entry(seq, event.type, encode(event, seq=seq, timestamp=now))
            for seq, event in enumerate(events, start=first)
        ]
        LoggedEvent.objects.bulk_create(
            LoggedEvent(
                stream_id=stream, seq=entry.seq, type=entry.type, body=entry.text, created_at=now
            )
            for entry in entries
        )
    return entries


def _move_head(stream: str, count: int, *, closed_at: datetime | None) -> int:
    """Take the stream's row and the next ``count`` numbers; the first of them."""
    table = connection.ops.quote_name(Stream._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {table} (name, epoch, head, floor, closed_at) VALUES (%s, %s, %s, 0, %s)
            ON CONFLICT (name) DO UPDATE
                SET head = {table}.head + %s, closed_at = excluded.closed_at
                WHERE {table}.closed_at IS NULL
            RETURNING head
            """,
            [stream, new_epoch(), count, closed_at, count],
        )
        row = cursor.fetchone()
    if row is None:
        raise StreamClosed(f"{stream} is closed: nothing follows its {LAST_TYPE}.")
    return row[0] - count + 1


def position(stream: str) -> Position:
    """Where the stream stands; it comes into being here when nothing was appended yet."""
    row, _ = Stream.objects.get_or_create(name=stream)
    return Position(row.epoch, row.head, row.floor, row.closed_at is not None)


def heads(streams: Iterable[str]) -> dict[str, tuple[str, int]]:
    """``{stream: (epoch, head)}`` of those of the streams that exist, in one query."""
    rows = Stream.objects.filter(name__in=list(streams)).values_list("name", "epoch", "head")
    return {name: (epoch, head) for name, epoch, head in rows}


def newest(stream: str) -> Entry | None:
    """The stream's last event."""
    row = LoggedEvent.objects.filter(stream_id=stream).order_by("-seq")
    return next(starmap(Entry, row.values_list("seq", "type", "body")[:1]), None)


def read(stream: str, since: int, *, limit: int = PAGE_EVENTS) -> list[Entry]:
    """The events after ``since``, in order, a page at most: 500 events or 256 KB."""
    rows = LoggedEvent.objects.filter(stream_id=stream, seq__gt=since).order_by("seq")
    page: list[Entry] = []
    size = 0
    for row in rows.values_list("seq", "type", "body")[:limit].iterator(chunk_size=100):
        page.append(Entry(*row))
        size += len(page[-1].text)
        if size >= PAGE_BYTES:
            break
    return page


def prune(*, older_than: datetime) -> int:
    """Delete events older than that and raise their streams' floors; how many were deleted.

    Each stream in a transaction of its own: a reader sees the events or the floor above them. The
    newest event of an open stream stays: on a mission stream it is the crew's present status.
    """
    old = LoggedEvent.objects.filter(created_at__lt=older_than)
    pruned = 0
    for name in old.values_list("stream_id", flat=True).distinct().order_by("stream_id"):
        with transaction.atomic():
            stream = Stream.objects.select_for_update().get(name=name)
            # Numbers and times can disagree between clocks: the floor follows the numbers.
            last = old.filter(stream_id=name).aggregate(last=Max("seq"))["last"]
            if last == stream.head and stream.closed_at is None:
                last -= 1
            if last is None or last <= stream.floor:
                continue
            stream.floor = last
            stream.save(update_fields=["floor"])
            pruned += LoggedEvent.objects.filter(stream_id=name, seq__lte=last).delete()[0]
    return pruned
