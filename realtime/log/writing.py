"""Appends to the log.

``append`` moves the stream's head and writes the events in one transaction, and the stream's row
stays locked until the commit. So the order of ``seq`` is the order of commits, and neither a
rollback nor anything else leaves a gap. (An autoincrement column assigns numbers before the commit:
a reader that asks for "greater than the last" would miss the events of a slower writer.)

The statement that moves the head also checks the fence of the attempt that writes
(`realtime.log.fences`). docs/architecture.md has the order of all locks.

On PostgreSQL all of it is one statement: it is sent, executed and, outside a transaction, committed
in one round trip. A statement of SQLite changes only one table, and SQLite has no round trips, so
there the parts are executed one after the other.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from crews.checked_writes import Incomplete, Write
from realtime.log import fences
from realtime.log.fences import Attempt
from realtime.log.prepared import prepared_cursor
from realtime.log.reading import MAX_SEQ, Entry
from realtime.models import Event as LoggedEvent
from realtime.models import Stream
from realtime.models.stream import new_epoch
from runs.events.encoding import encode
from runs.events.kinds import Event

LAST_TYPE = "done"  # the event that closes its stream
SEQ = f'"seq":{MAX_SEQ}'  # placeholder of the number; no number is longer
STREAM = Stream._meta.db_table
ROWS_AS_VALUES = 8  # rows that are given as values; see `_given`
GIVEN = "stream text, following integer, type text, start text, rest text"  # as JSON of `_Row`
EVENTS = f"{LoggedEvent._meta.db_table} (stream_id, seq, type, body, created_at)"


class StreamClosed(Exception):
    """The stream has its last event already."""


class _Row(msgspec.Struct):
    """An event whose seq will be the stream's new head minus ``following``."""

    stream: str
    following: int  # number of events after it in this append
    type: str
    start: str  # text before the seq
    rest: str  # text after it


def append(
    stream: str, events: Sequence[Event], *, by: Attempt | Collection[Attempt] = ()
) -> list[Entry]:
    """Append ``events`` to one stream; see `append_all`."""
    if not events:
        return []
    attempts = [by] if isinstance(by, Attempt) else by
    return append_all({stream: events}, by=attempts)[stream]


def append_all(
    events: Mapping[str, Sequence[Event]],
    *,
    by: Collection[Attempt] = (),
    after: Sequence[Write] = (),
) -> dict[str, list[Entry]]:
    """Append to each stream its events in order, in the caller's transaction or in a new one.

    ``after`` is executed first, in the same transaction; if it is incomplete, nothing is written.
    Call this last in a transaction, because it holds the streams' locks until the commit. Several
    streams are locked in the order graph, run, mission. Raises ``StreamClosed`` after a ``done``,
    ``StaleWriter`` if one of ``by`` is not the newest attempt, and `Incomplete` or
    ``IntegrityError`` for ``after``. After an error the caller's transaction must be rolled back.
    """
    now = timezone.now()
    rows = [row for stream in sorted(events) for row in _rows(stream, events[stream], now)]
    at_once = connection.vendor == "postgresql" and bool(rows)
    if at_once and not connection.in_atomic_block:
        return _write_alone(rows, sorted(by), after, now)
    write = _write_at_once if at_once else _write_in_turn
    # No savepoint: it would cost two round trips, and after an error nothing continues.
    with transaction.atomic(savepoint=False):
        return write(rows, sorted(by), after, now)


def _rows(stream: str, events: Sequence[Event], now: datetime) -> list[_Row]:
    rows = []
    for following, event in zip(reversed(range(len(events))), events, strict=True):
        start, _, rest = encode(event, seq=MAX_SEQ, timestamp=now).partition(SEQ)
        rows.append(_Row(stream, following, event.type, f'{start}"seq":', rest))
    return rows


def _entries(
    rows: Sequence[_Row], heads: Mapping[str, int], by: Sequence[Attempt]
) -> dict[str, list[Entry]]:
    """The events with their numbers. Raises the reason if a head was not moved."""
    entries: defaultdict[str, list[Entry]] = defaultdict(list)
    for row in rows:
        if row.stream not in heads:
            raise _refusal(rows, by) or Incomplete("The events are about rows that have changed.")
        seq = heads[row.stream] - row.following
        entries[row.stream].append(Entry(seq, row.type, f"{row.start}{seq}{row.rest}"))
    return entries


def _write_alone(
    rows: Sequence[_Row], by: Sequence[Attempt], after: Sequence[Write], now: datetime
) -> dict[str, list[Entry]]:
    """Like `_write_at_once`, without a transaction: the statement commits itself.

    It cannot be rolled back afterwards. So it has to fail if a head was not moved: then its events
    have no number, which the column refuses.
    """
    try:
        return _write_at_once(rows, by, after, now, join="LEFT JOIN")
    except IntegrityError as error:
        if refusal := _refusal(rows, by):
            raise refusal from error
        raise


def _write_at_once(
    rows: Sequence[_Row],
    by: Sequence[Attempt],
    after: Sequence[Write],
    now: datetime,
    *,
    join: str = "JOIN",
) -> dict[str, list[Entry]]:
    """Write everything in one statement. Each part reads what the part before has written."""
    names = [f"after{number}" for number in range(len(after))]
    complete = [
        f"(SELECT count(*) FROM {name}) = {write.rows}"
        for name, write in zip(names, after, strict=True)
    ]
    moved, parameters = _move_heads(rows, by, now, complete)
    parts = [f"{name} AS ({write.sql})" for name, write in zip(names, after, strict=True)]
    given, values = _given(rows)
    heads = _heads(
        f"WITH {''.join(f'{part}, ' for part in parts)}moved AS ({moved}), written AS ("
        f"INSERT INTO {EVENTS} SELECT stream, head - following, type, "
        "start || (head - following) || rest, %s "
        f"FROM {given} {join} moved ON name = stream) "
        "SELECT name, head FROM moved",
        [
            *(value for write in after for value in write.parameters),
            *parameters,
            now,
            *values,
        ],
    )
    return _entries(rows, heads, by)


def _given(rows: Sequence[_Row]) -> tuple[str, list[Any]]:
    """SQL of the rows, with its parameters: one for each value, or one for many rows, as JSON.

    PostgreSQL plans a few values faster than a function, and parses many of them more slowly.
    """
    names = _Row.__struct_fields__
    if len(rows) <= ROWS_AS_VALUES:
        given = f"(VALUES {_places(len(names), len(rows))}) AS given ({', '.join(names)})"
        return given, [value for row in rows for value in msgspec.structs.astuple(row)]
    return f"json_to_recordset(%s) AS given ({GIVEN})", [msgspec.json.encode(rows).decode()]


def _write_in_turn(
    rows: Sequence[_Row], by: Sequence[Attempt], after: Sequence[Write], now: datetime
) -> dict[str, list[Entry]]:
    """Write the same with one statement for each part."""
    for write in after:
        write.execute()
    entries = _entries(rows, _heads(*_move_heads(rows, by, now)) if rows else {}, by)
    created_at = connection.ops.adapt_datetimefield_value(now)
    written = [(stream, *entry, created_at) for stream in entries for entry in entries[stream]]
    if written:
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {EVENTS} VALUES {_places(5, 1)}", written)
    return entries


def _heads(sql: str, parameters: Sequence[Any]) -> dict[str, int]:
    """The new head of each stream that could be moved."""
    with prepared_cursor() as cursor:
        cursor.execute(sql, parameters)
        return dict(cursor.fetchall())


def _move_heads(
    rows: Sequence[_Row], by: Sequence[Attempt], now: datetime, complete: Sequence[str] = ()
) -> tuple[str, list[Any]]:
    """SQL that locks the streams and adds the number of events to their heads, if ``by`` may."""
    allowed, who = fences.allowed(by, complete)
    streams: dict[str, list[Any]] = {}
    for row in rows:
        length = streams[row.stream][2] + 1 if row.stream in streams else 1
        streams[row.stream] = [row.stream, new_epoch(), length, int(row.type == LAST_TYPE)]
    return (
        f"INSERT INTO {STREAM} (name, epoch, head, floor, closed_at) "
        "SELECT column1, column2, column3, 0, CASE column4 WHEN 1 THEN %s END "
        f"FROM (VALUES {_places(4, len(streams))}) AS given WHERE {allowed} ORDER BY column1 "
        f"ON CONFLICT (name) DO UPDATE SET head = {STREAM}.head + excluded.head, "
        f"closed_at = excluded.closed_at WHERE {STREAM}.closed_at IS NULL RETURNING name, head",
        [
            connection.ops.adapt_datetimefield_value(now),
            *(value for stream in streams.values() for value in stream),
            *who,
        ],
    )


def _places(columns: int, rows: int) -> str:
    return ", ".join([f"({', '.join(['%s'] * columns)})"] * rows)


def _refusal(rows: Iterable[_Row], by: Collection[Attempt]) -> Exception | None:
    """The error if a fence or a closed stream is why the events were not written, else ``None``."""
    if stale := fences.refusal(by):
        return stale
    streams = {row.stream for row in rows}
    closed = Stream.objects.filter(name__in=streams, closed_at__isnull=False).first()
    return closed and StreamClosed(f"{closed} is closed: nothing follows its {LAST_TYPE}.")
