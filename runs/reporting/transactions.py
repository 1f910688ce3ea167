"""Applies events of one run in one transaction, and returns what became of each."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DataError, transaction
from django.db.models import BooleanField, F, IntegerField, Q, UUIDField

from crews.batches import WriteBatch, batched
from crews.checked_writes import insert_values
from crews.compiled_queries import BindParam, Select, Update
from crews.text import storable
from crews.tracking import InvalidState
from runs.models import ReportedRun, Run, SeenEvent
from runs.models.reported_run import DIGEST_BYTES
from runs.reporting.event_applier import EventApplier
from runs.reporting.report_body import Item
from runs.reporting.reported_kinds import Beat, Boot, InvalidEvent, ends

logger = logging.getLogger(__name__)

EVENTS_OF_RUN = 500_000  # of a run
SEEN = [SeenEvent._meta.get_field(name) for name in ("run", "digest")]
RUN = BindParam("run", UUIDField())
LOCKED = Select(
    lambda: (
        Run.objects.filter(pk=RUN)
        .select_related("crew", "reported")
        .select_for_update(of=("self",))
    )
)
COUNT = Update(
    lambda: (
        ReportedRun.objects.filter(pk=RUN),
        {
            # Not the values that were read: while this call waited for the run's lock, another
            # may have changed them, and only the locked row is read again.
            "beats": Q(beats=True) | Q(BindParam("beats", BooleanField())),
            "events_seen": F("events_seen") + BindParam("more", IntegerField()),
        },
    )
)


@dataclass(slots=True)
class ReportResult:
    accepted: int = 0
    duplicates: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    runs: dict[str, str] = field(default_factory=dict)  # our ids by the reporter's keys

    def reject(self, item: Item, error: InvalidEvent) -> None:
        about = {"id": item.id and storable(item.id), "index": item.index}
        self.rejected.append(about | {"code": error.code, "detail": error.detail})

    def add(self, other: "ReportResult") -> None:
        self.accepted += other.accepted
        self.duplicates += other.duplicates
        self.rejected += other.rejected
        self.stop += [run for run in other.stop if run not in self.stop]
        self.runs |= other.runs

    def as_json(self) -> dict[str, Any]:
        self.rejected.sort(key=lambda rejected: rejected["index"])
        body = {name: getattr(self, name) for name in ("accepted", "duplicates", "rejected")}
        return body | {name: own for name in ("stop", "runs") if (own := getattr(self, name))}


class _RejectedAfterChange(Exception):
    """An event was refused after it had changed something. The transaction is rolled back."""

    def __init__(self, error: InvalidEvent) -> None:
        super().__init__(error.detail)
        self.error = error


def apply(run_id: UUID, items: Sequence[Item], received: datetime) -> ReportResult:
    """Apply the items, all of the same run, in one transaction.

    If an event is refused halfway, each item gets a transaction of its own.
    """
    try:
        with batched() as batch:
            return _apply(run_id, items, received, batch)
    except (_RejectedAfterChange, DataError) as error:
        result = ReportResult()
        if len(items) == 1:
            result.reject(items[0], _refusal(error))
        else:
            for item in items:
                result.add(apply(run_id, [item], received))
        return result


def end(run_id: UUID, done: Item, received: datetime) -> ReportResult:
    """Apply a ``done``, without a batch: the end of a run also locks its crew."""
    try:
        with transaction.atomic():
            return _apply(run_id, [done], received, None)
    except (_RejectedAfterChange, DataError) as error:
        result = ReportResult()
        result.reject(done, _refusal(error))
        return result


def _refusal(error: _RejectedAfterChange | DataError) -> InvalidEvent:
    """Why the event is refused. After a 500 the reporter would send the same call for ever."""
    if isinstance(error, _RejectedAfterChange):
        return error.error
    logger.error("An event was refused, because the database cannot store it", exc_info=error)
    return InvalidEvent("invalid", "The database cannot store a value of this event.")


def _apply(
    run_id: UUID, items: Sequence[Item], received: datetime, batch: WriteBatch | None
) -> ReportResult:
    # The run's row is locked first, as in every method that changes a run.
    run = LOCKED.first(run=run_id)
    if run is None:
        raise Run.DoesNotExist
    reported = run.reported
    digests = [None if isinstance(item.event, Beat) else digest_of(item.event.id) for item in items]
    new = _note(run_id, digests)
    applier = EventApplier(run, reported, received, batch)
    fresh = [item.event for item, digest in zip(items, digests, strict=True) if digest in new]
    if batch and fresh and not run.is_over:
        applier.lock_rows(fresh)
    result, taken = ReportResult(), set[bytes]()
    together: Item | None = None  # the end of a call that was applied with its start
    for index, (item, digest) in enumerate(zip(items, digests, strict=True)):
        if item is together:
            continue
        if digest is None:
            reported.beats = True
            result.accepted += 1
            continue
        if digest not in new or digest in taken:
            result.duplicates += 1
            continue
        noted = [digest]
        fits = reported.events_seen + len(taken) + 1 < EVENTS_OF_RUN
        if batch and fits and index + 1 < len(items) and ends(item.event, items[index + 1].event):
            noted += {digests[index + 1]} & new - taken - {digest}
        changes = batch and batch.changes
        try:
            if reported.events_seen + len(taken) >= EVENTS_OF_RUN:
                raise InvalidEvent("limit", f"The run has had {EVENTS_OF_RUN} events.")
            applier.apply(item.event, items[index + 1].event if noted[1:] else None)
        except InvalidEvent as error:
            if batch is None or batch.changes != changes:
                raise _RejectedAfterChange(error) from error
            result.reject(item, error)
            continue
        except InvalidState as error:
            raise _RejectedAfterChange(InvalidEvent("invalid", str(error))) from error
        together = items[index + 1] if noted[1:] else None
        taken.update(noted)
        result.accepted += len(noted)
    if refused := new - taken:
        SeenEvent.objects.filter(run=run_id, digest__in=refused).delete()
    COUNT.execute(run=run_id, beats=reported.beats, more=len(taken))
    if any(isinstance(item.event, Boot) and item.event.controls for item in items):
        result.runs[reported.key] = str(run_id)
    if not run.is_over:
        reported.renew()
        if run.cancel_requested:
            result.stop.append(reported.key)
    return result


def digest_of(id: str) -> bytes:
    return hashlib.blake2b(id.encode(), digest_size=DIGEST_BYTES).digest()


def _note(run_id: UUID, digests: Sequence[bytes | None]) -> set[bytes]:
    """Note that the run has had these events. Return the digests of those that are new."""
    rows = [(run_id, digest) for digest in dict.fromkeys(digests) if digest]
    return {
        *map(bytes, insert_values(SeenEvent, SEEN, rows, ignore_conflicts=True, returning=SEEN[1]))
    }
