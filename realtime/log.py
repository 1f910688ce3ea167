"""The durable event log: append, read since, head. With `realtime.pruning` the only writer of its tables.

``append`` moves the stream's head and writes the events in one transaction, and the stream's row
stays locked until that commits. So the order of ``seq`` is the order of commits, no number is ever
left out, and a rollback leaves no hole. (Numbers from an autoincrement column are handed out before
the commit: a reader that asks for "greater than the last" would skip the slower writer's.)

What is written in the name of an attempt passes its fence in the statement that moves the head. The
fence's row stays shared until that commits, so no other attempt begins meanwhile, and afterwards
nothing of the old one gets in. docs/architecture.md has the order of all locks.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from realtime.events import Event, encode
from realtime.models import Event as LoggedEvent
from realtime.models import Fence, Stream
from realtime.models.stream import new_epoch

ROWS = 200  # inserted by one statement; SQLite takes 999 parameters at least
PAGE_EVENTS = 500  # events read at once
PAGE_BYTES = 256 * 1024  # a page ends with the event that reaches this many bytes of UTF-8
LAST_SEQ = 2**63 - 1  # that the column holds
LAST_TYPE = "done"  # the event that closes its stream


class StreamClosed(Exception):
    """The stream has had its last event; nothing follows it."""


class StaleWriter(Exception):
    """Another attempt has begun, or none ever did; this one writes nothing."""


class Attempt(NamedTuple):
    """In whose name events are written: an attempt, by its number, at what ``stream`` tells of."""

    stream: str
    number: int


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


def begin(attempt: Attempt) -> None:
    """From this transaction's commit on nobody writes for ``attempt.stream`` but this attempt.

    Waits for writes of the attempt before that are under way: they come first.
    """
    Fence.objects.bulk_create(
        [Fence(stream_id=attempt.stream, attempt=attempt.number)],
        update_conflicts=True,
        unique_fields=["stream"],
        update_fields=["attempt"],
    )


def append(
    stream: str, events: Sequence[Event], *, by: Attempt | Collection[Attempt] | None = None
) -> list[Entry]:
    """Append ``events`` in order, within the caller's transaction or one of their own.

    Take it last in the transaction: it holds the stream's lock until the commit. Several streams go
    in the order graph, run, mission. Raises ``StreamClosed`` after a ``done`` and ``StaleWriter``
    when ``by`` is not the attempt that has begun last, or one of several is not; then the caller's
    transaction is over, too.
    """
    if not events:
        return []
    attempts = [by] if isinstance(by, Attempt) else sorted(by or ())
    now = timezone.now()
    closes = events[-1].type == LAST_TYPE
    # No savepoint: it would cost every event two round trips, and nothing goes on after a refusal.
    with transaction.atomic(savepoint=False):
        first = _move_head(stream, len(events), attempts, closed_at=now if closes else None)
        entries = [
            Entry(seq, event.type, encode(event, seq=seq, timestamp=now))
            for seq, event in enumerate(events, start=first)
        ]
        _write(stream, entries, now)
    return entries


def _move_head(
    stream: str, count: int, by: Sequence[Attempt], *, closed_at: datetime | None
) -> int:
    """Take the stream's row and the next ``count`` numbers; the first of them."""
    table = connection.ops.quote_name(Stream._meta.db_table)
    source, who = _allowed(by)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {table} (name, epoch, head, floor, closed_at)
                SELECT %s, %s, %s, 0, %s {source}
            ON CONFLICT (name) DO UPDATE
                SET head = {table}.head + %s, closed_at = excluded.closed_at
                WHERE {table}.closed_at IS NULL
            RETURNING head
            """,
            [stream, new_epoch(), count, closed_at, *who, count],
        )
        row = cursor.fetchone()
    if row is None:
        raise _refusal(stream, by)
    return row[0] - count + 1


def _write(stream: str, entries: Sequence[Entry], now: datetime) -> None:
    """Insert the events; ``bulk_create`` would cost more than everything else here."""
    table = connection.ops.quote_name(LoggedEvent._meta.db_table)
    row = "(%s, %s, %s, %s, %s)"
    created_at = connection.ops.adapt_datetimefield_value(now)
    for start in range(0, len(entries), ROWS):
        batch = entries[start : start + ROWS]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} (stream_id, seq, type, body, created_at) "
                f"VALUES {', '.join([row] * len(batch))}",
                [value for entry in batch for value in (stream, *entry, created_at)],
            )


def _allowed(by: Sequence[Attempt]) -> tuple[str, Sequence[str | int]]:
    """One row to select from if each of ``by`` may write, else none; and its parameters."""
    if not by:
        return "WHERE true", ()
    fence = connection.ops.quote_name(Fence._meta.db_table)
    # A look without a lock would see the attempt from before the one that is just beginning. On
    # SQLite, which has no such lock, there is one writer at a time.
    lock = "FOR SHARE" if connection.features.has_select_for_update else ""
    if len(by) == 1:
        return f"FROM {fence} WHERE stream_id = %s AND attempt = %s {lock}", by[0]
    either = " OR ".join(["(stream_id = %s AND attempt = %s)"] * len(by))
    held = f"SELECT 1 FROM {fence} WHERE {either} ORDER BY stream_id {lock}"
    every = f"FROM (SELECT count(*) AS held FROM ({held}) AS each_held) AS allowed WHERE held = %s"
    return every, [*(value for attempt in by for value in attempt), len(by)]


def _refusal(stream: str, by: Sequence[Attempt]) -> Exception:
    for held, number in by:
        if not Fence.objects.filter(stream_id=held, attempt=number).exists():
            return StaleWriter(f"Attempt {number} at {held} is over, it writes nothing more.")
    return StreamClosed(f"{stream} is closed: nothing follows its {LAST_TYPE}.")


def position(stream: str) -> Position:
    """Where the stream stands; it comes into being here when nothing was appended yet."""
    return positions([stream])[stream]


def positions(streams: Iterable[str]) -> dict[str, Position]:
    """Where each of the streams stands; see `position`. Waits for whoever is just making one of them."""
    found = existing_positions(streams)
    # In order, so that no two who make some of the same wait for each other.
    if missing := sorted(set(streams) - found.keys()):
        Stream.objects.bulk_create((Stream(name=name) for name in missing), ignore_conflicts=True)
        found |= existing_positions(missing)
    return found


def existing_positions(streams: Iterable[str]) -> dict[str, Position]:
    """Where those of the streams stand that have come into being, in one query."""
    rows = Stream.objects.filter(name__in=streams)
    return {
        name: Position(epoch, head, floor, closed_at is not None)
        for name, epoch, head, floor, closed_at in rows.values_list(
            "name", "epoch", "head", "floor", "closed_at"
        )
    }


def heads(streams: Iterable[str]) -> dict[str, tuple[str, int]]:
    """``{stream: (epoch, head)}`` of those of the streams that exist, in one query."""
    rows = Stream.objects.filter(name__in=list(streams)).values_list("name", "epoch", "head")
    return {name: (epoch, head) for name, epoch, head in rows}


def newest(stream: str) -> Entry | None:
    """The stream's last event."""
    row = LoggedEvent.objects.filter(stream_id=stream).order_by("-seq")
    return next(starmap(Entry, row.values_list("seq", "type", "body")[:1]), None)


def read(
    stream: str, since: int, *, limit: int = PAGE_EVENTS, size: int = PAGE_BYTES
) -> list[Entry]:
    """The events after ``since``, in order, a page at most: ``limit`` events or ``size`` bytes.

    Of the next ``limit`` numbers, of which none was left out, those that have not been pruned. (A
    ``LIMIT`` in place of the last number lets a PostgreSQL that takes the stream for a short one read and
    sort all that follows: 55 ms a page of 100,000 events instead of 0.4.)
    """
    page: list[Entry] = []
    if since > LAST_SEQ - limit:  # a client may ask for any number
        return page
    with connection.cursor() as cursor:
        cursor.execute(*_page_query(stream, since, limit, size))
        for row in cursor:  # SQLite reads a row when it is asked for
            page.append(Entry(*row))
            size -= len(page[-1].text.encode())
            if size <= 0:
                break
    return page


def _page_query(stream: str, since: int, limit: int, size: int) -> tuple[str, list[str | int]]:
    """Statement and parameters for the next ``limit`` events, on PostgreSQL without what exceeds ``size``.

    PostgreSQL sends a whole result, so it has to end the page itself: a cursor that fetches a few rows at
    a time belongs to a session, which a pooler may share between clients. It knows the size of a text
    without reading it. SQLite does not, and there the page ends by what was read.
    """
    table = connection.ops.quote_name(LoggedEvent._meta.db_table)
    rows = f"FROM {table} WHERE stream_id = %s AND seq > %s AND seq <= %s"
    numbers = [stream, since, since + limit]
    if connection.vendor != "postgresql":
        return f"SELECT seq, type, body {rows} ORDER BY seq", numbers
    preceding = "sum(octet_length(body)) OVER (ORDER BY seq) - octet_length(body) AS preceding"
    return (
        f"SELECT seq, type, body FROM (SELECT seq, type, body, {preceding} {rows}) AS page "
        "WHERE preceding < %s ORDER BY seq",
        [*numbers, size],
    )


def renew_epochs() -> int:
    """Give every stream another epoch: positions of before mean nothing from now on; how many streams."""
    return Stream.objects.update(epoch=new_epoch())


def delete(*streams: str) -> None:
    """Delete streams with their events, for what they are about is gone.

    The streams are locked first, as by everybody else, so that no two wait for each other.
    """
    with transaction.atomic():
        rows = Stream.objects.select_for_update().filter(name__in=streams)
        names = list(rows.order_by("name").values_list("name", flat=True))
        LoggedEvent.objects.filter(stream_id__in=names).delete()
        Stream.objects.filter(name__in=names).delete()
