"""Reports of tools, saved many at a time: what several tools report together is one transaction.

`save` writes all of them or none. `save_each` answers for every report by itself: one that is refused
fails no other. Whoever emits events for them listens to `saved`, in the same transaction.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.dispatch import Signal

from crews.tracking import IllegalMove
from runs.models.output_chunk import OutputChunk

BATCH = 100  # reports in one statement; SQLite takes 999 parameters at least

saved = Signal()  # with ``reports``, in the order in which they were saved


class Ended(IllegalMove):
    """The tool has ended as ``status``; it takes no report."""

    def __init__(self, status: str) -> None:
        super().__init__(f"The tool has ended as {status}.")
        self.status = status


class OutOfStep(Exception):
    """The row is not as the report expects it: read it again, then report."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a tool of attempt ``attempt`` says: its row is to have these values, ``output`` is new."""

    execution_id: str
    tool: str
    agent_id: str
    run_id: str
    crew_id: str
    attempt: int
    message: str
    progress: float | None
    output: str
    offset: int  # characters of output before this report
    is_event: bool  # whether anything of it is new

    def dump(self) -> bytes:
        return json.dumps(astuple(self)).encode()

    @classmethod
    def load(cls, text: bytes) -> "Report":
        return cls(*json.loads(text))


def save(reports: Sequence[Report]) -> None:
    """Save all, in order, in one transaction, each of another tool.

    Raises ``Ended``, ``OutOfStep`` or what a receiver of `saved` raises; then none is saved.
    Rows of tools are locked first, then what the receivers lock: see `realtime.log`.
    """
    with transaction.atomic():
        changed = _update(reports)
        for report in reports:
            if UUID(report.execution_id) not in changed:
                raise _refusal(report)
        _insert_chunks([report for report in reports if report.output])
        saved.send(Report, reports=reports)


def save_each(reports: Sequence[Report]) -> list[Exception | None]:
    """Save each and return its error, or ``None`` where it is committed.

    They share a transaction; where that fails, each is tried alone, so that a report answers for
    itself only.
    """
    errors: list[Exception | None] = []
    for batch in _batches(reports):
        error = _try(batch)
        if error and len(batch) > 1 and _answers(error):
            errors += [_try([report]) for report in batch]
        else:
            errors += [error] * len(batch)
    return errors


def _try(reports: Sequence[Report]) -> Exception | None:
    try:
        save(reports)
    except Exception as error:
        return error
    return None


def _answers(error: Exception) -> bool:
    """Whether the database can be asked again at once."""
    if isinstance(error, OperationalError | InterfaceError):
        return connection.connection is not None and connection.is_usable()
    return True


def _batches(reports: Sequence[Report]) -> Iterator[list[Report]]:
    """The reports in order; one statement changes a row once, so each batch has a tool once."""
    batch: dict[str, Report] = {}
    for report in reports:
        if report.execution_id in batch or len(batch) == BATCH:
            yield list(batch.values())
            batch = {}
        batch[report.execution_id] = report
    if batch:
        yield list(batch.values())


def _update(reports: Sequence[Report]) -> set[UUID]:
    """Update the rows of tools that run and are as the report expects; the ids of these."""
    from runs.models import ToolExecution

    meta = ToolExecution._meta
    table = connection.ops.quote_name(meta.db_table)
    fields = [meta.get_field(n) for n in ("id", "output_length", "message", "progress")]
    types = [field.db_type(connection) for field in (*fields, fields[1])]
    row = f"({', '.join(f'CAST(%s AS {type})' for type in types)})"
    parameters = []
    for report in reports:
        key = meta.pk.get_db_prep_value(UUID(report.execution_id), connection)
        length = report.offset + len(report.output)
        parameters += [key, report.offset, report.message, report.progress, length]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET message = given.column3, progress = given.column4, "
            "output_length = given.column5 "
            f"FROM (VALUES {', '.join([row] * len(reports))}) AS given "
            f"WHERE {table}.id = given.column1 AND {table}.output_length = given.column2 "
            f"AND {table}.status = 'running' RETURNING id",
            parameters,
        )
        return {meta.pk.to_python(key) for (key,) in cursor.fetchall()}


def _insert_chunks(reports: Sequence[Report]) -> None:
    OutputChunk.objects.bulk_create(
        OutputChunk(execution_id=UUID(r.execution_id), offset=r.offset, text=r.output)
        for r in reports
    )


def _refusal(report: Report) -> Exception:
    from runs.models import ToolExecution

    found = ToolExecution.objects.whoever_asks().filter(pk=report.execution_id)
    status = found.values_list("status", flat=True).first()
    if status == ToolExecution.Status.RUNNING:
        return OutOfStep(f"{report.tool} {report.execution_id} has changed meanwhile.")
    return Ended(status or "deleted")
