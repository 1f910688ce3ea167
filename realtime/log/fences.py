"""Fences: of the attempts of a run, only the newest may write to the log.

A writer for an attempt holds a shared lock of the fence's row until its commit. So no other attempt
begins meanwhile, and after another has begun, the old one can write nothing.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from django.db import connection

from realtime.models import Fence


class StaleWriter(Exception):
    """Another attempt has begun, or none ever did. Nothing was written."""


class Attempt(NamedTuple):
    """The attempt for which events are written: its number, and the run's ``stream``."""

    stream: str
    number: int


def begin(attempt: Attempt) -> None:
    """From this transaction's commit on, only this attempt may write for ``attempt.stream``.

    Waits until writes of the earlier attempt that have begun are committed.
    """
    Fence.objects.bulk_create(
        [Fence(stream_id=attempt.stream, attempt=attempt.number)],
        update_conflicts=True,
        unique_fields=["stream"],
        update_fields=["attempt"],
    )


def allowed(by: Sequence[Attempt], complete: Sequence[str] = ()) -> tuple[str, list[Any]]:
    """An SQL condition, with its parameters: whether each of ``by`` may write.

    It locks the fences after all conditions in ``complete`` are true.
    """
    if not by:
        return " AND ".join(complete) or "true", []
    either = " OR ".join(["(stream_id = %s AND attempt = %s)"] * len(by))
    held = " AND ".join([f"({either})", *complete])
    # Without a lock the statement would still read the earlier attempt while another one begins.
    # SQLite has no such lock, but only one writer at a time.
    lock = "FOR SHARE" if connection.features.has_select_for_update else ""
    rows = f"SELECT 1 FROM {Fence._meta.db_table} WHERE {held} ORDER BY stream_id {lock}"
    return (
        f"(SELECT count(*) FROM ({rows}) AS held) = %s",
        [*(value for attempt in by for value in attempt), len(by)],
    )


def refusal(by: Collection[Attempt]) -> StaleWriter | None:
    """The error for the first of ``by`` that may not write, if there is one."""
    for stream, number in by:
        if not Fence.objects.filter(stream_id=stream, attempt=number).exists():
            return StaleWriter(f"Attempt {number} at {stream} is over, it writes nothing more.")
    return None
