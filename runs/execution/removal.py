"""Removes ended runs and all their records, many in one transaction, without loading them.

``Run.delete()`` does the same for one run, but it loads each row that is deleted with it. When
users delete something, it disappears from every list at once (``delete``, ``crews.deletion``). Its
rows are removed in the background.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, QuerySet
from django.dispatch import Signal, receiver
from django.utils import timezone

from crews.deletion import delete_crew, deleting
from crews.models import AuditEntry, Crew, Organization
from crews.models.audit_entry import Kind
from crews.tracking import InvalidState
from runs.models import (
    AgentExecution,
    Approval,
    BudgetAlert,
    CallText,
    Control,
    Handoff,
    ModelCall,
    OutputChunk,
    ReportedRun,
    Run,
    SeenEvent,
    TaskExecution,
    ToolExecution,
    Trace,
    TraceSpan,
)

RUNS = 200  # limit for the runs of one transaction
EXECUTIONS = 2_000  # limit for their tool executions and model calls
ROWS_AT_ONCE = 1_000  # of another model, deleted in one transaction

# The records of a run: models with their way to it. Records come before those that they refer to.
ROWS = (
    (OutputChunk, "execution__task_execution__run__in"),
    (ToolExecution, "task_execution__run__in"),
    (CallText, "call__run__in"),
    (ModelCall, "run__in"),
    (Handoff, "run__in"),
    (BudgetAlert, "run__in"),
    (Control, "run__in"),
    (TaskExecution, "run__in"),
    (AgentExecution, "run__in"),
    (Approval, "run__in"),
    (SeenEvent, "run__in"),
    (TraceSpan, "trace__run__in"),
    (Trace, "run__in"),
    (ReportedRun, "run__in"),
)

Throttle = Callable[[float], None]  # called after each batch, with the seconds it took

removing = Signal()  # ``runs``: ids of the runs that the transaction removes
emptying = Signal()  # ``crew``: id of a crew whose runs are removed; ``throttle``


def no_throttle(took_s: float) -> None:
    """Begin the next batch at once, for a caller that waits for the end."""


@receiver(deleting)
def refuse_while_busy(crew: Crew, **kwargs: Any) -> None:
    if crew.runs.active().exists():
        raise InvalidState(f"A run of {crew} waits or is running. Cancel it, then delete.")


def delete(runs: Collection[UUID]) -> int:
    """Hide those of the runs that have ended from every list. Returns their number."""
    with transaction.atomic():
        over = Run.objects.unscoped().not_deleted().filter(pk__in=runs, status__in=Run.TERMINAL)
        rows = _lock_rows(over)
        found = [pk for pk, *_ in rows]
        _record_deletions(rows)
        Run.objects.unscoped().filter(parent__in=found).update(parent=None)
        # There is no event for this: sockets notice it in their access check. The idempotency keys
        # can be used again.
        QuerySet.update(
            Run.objects.unscoped().filter(pk__in=found),
            deleted_at=timezone.now(),
            idempotency_key=None,
        )
    return len(found)


def remove_deleted(throttle: Throttle) -> None:
    """Remove the rows of everything that users have deleted."""
    remove_all(Run.objects.filter(deleted_at__isnull=False).order_by("deleted_at"), throttle)
    for crew in Crew.objects.filter(deleted_at__isnull=False).order_by():
        remove_all(crew.runs.filter(status__in=Run.TERMINAL).order_by(), throttle, is_recorded=True)
        emptying.send(sender=None, crew=crew.pk, throttle=throttle)
        if not crew.runs.exists():  # a run that was created meanwhile has to end first
            crew.delete()
    for organization in Organization.objects.filter(deleted_at__isnull=False).order_by():
        left = list(organization.crews.all())
        for crew in left:  # created while the organization was deleted
            with suppress(InvalidState):  # refused until its run has ended
                delete_crew(crew)
        if not left:
            organization.delete()


def remove_all(runs: QuerySet[Run], throttle: Throttle, *, is_recorded: bool = False) -> int:
    """Remove the runs in their order. Returns their number.

    ``is_recorded``: the audit trail already has the deletion of the crew that they belong to.
    """
    removed = 0
    for batch in batches(runs):
        began = time.monotonic()
        removed += remove(batch, is_recorded=is_recorded)
        throttle(time.monotonic() - began)
    return removed


def delete_in_batches(rows: QuerySet, throttle: Throttle) -> None:
    """Delete the rows in their order, each batch with what depends on it."""
    while found := list(rows.values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        began = time.monotonic()
        rows.model._default_manager.filter(pk__in=found).delete()
        throttle(time.monotonic() - began)


def batches(runs: QuerySet[Run]) -> Iterator[list[UUID]]:
    """Yield the ids of ``runs`` in batches of a bounded size. Each is queried after the one before.

    A single run may be larger than the bound.
    """
    while found := list(runs.values_list("pk", flat=True)[:RUNS]):
        sizes = dict(
            Run.objects.filter(pk__in=found)
            .order_by()
            .annotate(size=Count("task_executions__tool_executions") + F("model_calls"))
            .values_list("pk", "size")
        )
        batch: list[UUID] = []
        left = EXECUTIONS
        for pk in found:
            left -= sizes.get(pk, 0)
            if batch and left < 0:
                break
            batch.append(pk)
        yield batch


def remove(runs: Collection[UUID], *, is_recorded: bool = False) -> int:
    """Remove those of the runs that have ended. Returns their number.

    Runs with ``deleted_at`` are not recorded again: the audit trail has their deletion already.
    """
    with transaction.atomic():
        rows = _lock_rows(Run.objects.filter(pk__in=runs, status__in=Run.TERMINAL))
        found = [pk for pk, *_ in rows]
        if not is_recorded:
            _record_deletions(row for row in rows if not row.deleted_at)
        removing.send(sender=None, runs=found)
        for model, path in ROWS:
            _delete(model.objects.filter(**{path: found}))
        Run.objects.filter(parent__in=found).update(parent=None)
        _delete(Run.objects.filter(pk__in=found))
    return len(found)


def _lock_rows(runs: QuerySet[Run]) -> list[Any]:
    """Lock the runs and return the values that the audit trail records about them."""
    rows = runs.select_for_update(of=("self",)).order_by("pk")
    organization = ("crew__organization", "crew__organization__name")
    return list(rows.values_list("pk", "crew_name", *organization, "deleted_at", named=True))


def _record_deletions(rows: Iterable[Any]) -> None:
    AuditEntry.objects.record_all(
        Kind.RUN_DELETED,
        (
            (
                Run(pk=row.pk, crew_name=row.crew_name),
                Organization(pk=row.crew__organization, name=row.crew__organization__name),
            )
            for row in rows
        ),
    )


def _delete(rows: QuerySet) -> None:
    """Delete in one statement: dependent rows are in `ROWS` before, see `test_retention`."""
    rows.order_by()._raw_delete(rows.db)
