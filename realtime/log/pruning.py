"""Deletes old events in batches, each of many streams."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Max, Q

from realtime.models import Event, Stream
from runs.execution.removal import Throttle, no_throttle

BATCH = 2_000  # events in one transaction, for which the writers of their streams wait


class EventKey(NamedTuple):
    """The position of an event in the order of age."""

    created_at: datetime
    stream: str
    seq: int


def prune(*, older_than: datetime, throttle: Throttle = no_throttle) -> int:
    """Delete events older than that, raise the floors of their streams, and return their number.

    A reader sees either the events or the floor above them. The newest event of an open stream
    stays: on a mission stream it is the crew's present status.
    """
    pruned = 0
    after: EventKey | None = None
    skipped: set[str] = set()
    while True:
        began = monotonic()
        batch = _oldest(older_than, after)
        if not batch:
            break
        deleted, locked = _delete(_last_of_each(batch))
        pruned += deleted
        skipped |= locked
        after = batch[-1]
        throttle(monotonic() - began)
    for stream in sorted(skipped):
        # A writer held the stream's lock. Waiting for one stream without a lock causes no deadlock.
        while deleted := _delete_some(stream, older_than):
            pruned += deleted
            throttle(0)
    return pruned


def empty(stream: str, *, throttle: Throttle = no_throttle) -> None:
    """Delete the events of a stream without readers, in batches. The newest event may stay."""
    while floor := Stream.objects.filter(name=stream).values_list("floor", flat=True):
        began = monotonic()
        deleted, _ = _delete({stream: floor[0] + BATCH}, wait=True)
        if not deleted:
            break
        throttle(monotonic() - began)


def _oldest(older_than: datetime, after: EventKey | None) -> list[EventKey]:
    """The next events by age, after those of the last batch."""
    old = Event.objects.filter(created_at__lt=older_than)
    if after:
        later = Q(created_at__gt=after.created_at)
        later |= Q(created_at=after.created_at, stream_id__gt=after.stream)
        later |= Q(created_at=after.created_at, stream_id=after.stream, seq__gt=after.seq)
        # The first condition is redundant, but only it can use the index.
        old = old.filter(Q(created_at__gte=after.created_at) & later)
    order = ("created_at", "stream_id", "seq")
    return [EventKey(*row) for row in old.order_by(*order).values_list(*order)[:BATCH]]


def _last_of_each(batch: Iterable[EventKey]) -> dict[str, int]:
    """``{stream: its highest seq}``. With several clocks, times may be in another order than seq;
    the floor follows seq.
    """
    last: defaultdict[str, int] = defaultdict(int)
    for key in batch:
        last[key.stream] = max(last[key.stream], key.seq)
    return last


def _delete(last: dict[str, int], *, wait: bool = False) -> tuple[int, set[str]]:
    """Delete events up to these seqs. Return their number, and the streams locked by others."""
    with transaction.atomic():
        streams = Stream.objects.select_for_update(skip_locked=not wait).filter(name__in=last)
        floors, seen = [], set()
        for name, head, floor, closed_at in streams.values_list(
            "name", "head", "floor", "closed_at"
        ):
            seen.add(name)
            new = min(last[name], head if closed_at else head - 1)
            if new > floor:
                floors.append((new, name))
        table, quote = Event._meta.db_table, connection.ops.quote_name
        deleted = 0
        if floors:
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"UPDATE {quote(Stream._meta.db_table)} SET floor = %s WHERE name = %s", floors
                )
                # In the order of the key, in which the rows are stored near each other.
                cursor.executemany(
                    f"DELETE FROM {quote(table)} WHERE seq <= %s AND stream_id = %s",
                    sorted(floors, key=lambda floor: floor[1]),
                )
                deleted = cursor.rowcount
    return deleted, last.keys() - seen


def _delete_some(stream: str, older_than: datetime) -> int:
    """Delete a batch of one stream's old events, after waiting for its writers. Return its size."""
    old = Event.objects.filter(stream_id=stream, created_at__lt=older_than)
    last = old.aggregate(last=Max("seq"))["last"]
    floor = Stream.objects.filter(name=stream).values_list("floor", flat=True).first()
    if last is None or floor is None:
        return 0
    return _delete({stream: min(last, floor + BATCH)}, wait=True)[0]
