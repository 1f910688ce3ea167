"""Removes ended runs with all that belongs to them, many in one transaction and without loading them.

``Run.delete()`` says the same of one run; it loads each row that goes with it.
"""

from collections.abc import Collection, Iterator
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet
from django.dispatch import Signal

from crews.models import AuditEntry, Organization
from crews.models.audit_entry import Kind
from runs.models import OutputChunk, Run, TaskExecution, ToolExecution

RUNS = 200  # in one transaction, or fewer:
EXECUTIONS = 2_000  # of tools

removing = Signal()  # ``runs``: ids of those that the transaction removes


def batches(runs: QuerySet[Run]) -> Iterator[list[UUID]]:
    """The ids of ``runs`` in groups of a bounded size, the next asked for when one is done.

    One run may be larger than the bound.
    """
    while found := list(runs.order_by("ended_at").values_list("pk", flat=True)[:RUNS]):
        sizes = dict(
            Run.objects.filter(pk__in=found)
            .order_by()
            .annotate(size=Count("task_executions__tool_executions"))
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


def remove(runs: Collection[UUID]) -> int:
    """Remove those of the runs that are over; how many."""
    with transaction.atomic():
        over = Run.objects.select_for_update(of=("self",)).filter(
            pk__in=runs, status__in=Run.TERMINAL
        )
        rows = list(
            over.order_by("pk").values_list(
                "pk", "plan__crew", "crew__organization", "crew__organization__name"
            )
        )
        found = [pk for pk, *_ in rows]
        AuditEntry.objects.record_all(
            Kind.RUN_DELETED,
            (
                (Run(pk=pk, plan={"crew": crew}), Organization(pk=organization, name=name))
                for pk, crew, organization, name in rows
            ),
        )
        removing.send(sender=None, runs=found)
        for model, path in (
            (OutputChunk, "execution__task_execution__run__in"),
            (ToolExecution, "task_execution__run__in"),
            (TaskExecution, "run__in"),
        ):
            _delete(model.objects.filter(**{path: found}))
        Run.objects.filter(parent__in=found).update(parent=None)
        _delete(Run.objects.filter(pk__in=found))
    return len(found)


def _delete(rows: QuerySet) -> None:
    """One statement: what would follow has been done, see `test_removal`."""
    rows.order_by()._raw_delete(rows.db)
