"""Saves reports of tools in batches: reports of several tools share one transaction.

`save_reports` writes all of them or none. `save_each_report` returns a result for each, so that a
rejected report does not make others fail. The code that records events of reports registers as
`recorder`. It writes the reports and their events in one transaction.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import cache

from django.db import (
    IntegrityError,
    connection,
    models,
    transaction,
)

from crews.checked_writes import Incomplete, Write
from crews.outages import is_outage
from crews.tracking import TrackedQuerySet
from runs.models.output_chunk import OutputChunk
from runs.models.report import Ended, Report, RowChanged, StaleAttempt

BATCH = 100  # reports in one statement; SQLite accepts at least 999 parameters

Recorder = Callable[[Sequence[Report], Sequence[Write]], None]
Sender = Callable[[Report], bool]


def recorder(record: Recorder) -> Recorder:
    """Register the function that records reports. It executes ``writes`` in the same commit."""
    global _record
    _record = record
    return record


def sender(send: Sender) -> Sender:
    """Register the function that has another process save a report.

    It returns after the commit, or ``False`` if this process has to save the report itself. It
    raises the same errors as `ReportQuerySet.save_reports`.
    """
    global _send
    _send = send
    return send


def emit(report: Report) -> None:
    """Emit the report's event. Its row is written by the caller's batch."""
    _record([report], [])


class ReportQuerySet(TrackedQuerySet):
    """For `runs.models.ToolExecution`."""

    def save_report(self, report: Report) -> None:
        """Save it and return after the commit; inside a transaction, return before it."""
        if connection.in_atomic_block or not _send(report):
            self.save_reports([report])

    def save_reports(self, reports: Sequence[Report]) -> None:
        """Save all reports in order in one transaction. Each has to be of another tool.

        Raises ``Ended``, ``RowChanged`` or an error of the recorder; then none is saved. The rows
        of the tools are locked first, then the rows that the recorder locks: see `realtime.log`.
        """
        try:
            with transaction.atomic() if connection.in_atomic_block else nullcontext():
                _record(reports, [_update(self.model, reports), *_chunks(reports)])
        except (Incomplete, IntegrityError, StaleAttempt) as error:
            for report in reports:
                if refusal := self._refusal(report):
                    raise refusal from error
            raise

    def save_each_report(self, reports: Sequence[Report]) -> list[Exception | None]:
        """Save each report. Returns for each its error, or ``None`` if it is committed.

        They share a transaction. If it fails, each is tried alone, so that an error concerns only
        the report that caused it.
        """
        errors: list[Exception | None] = []
        for batch in _batches(reports):
            error = self._try(batch)
            if error and len(batch) > 1 and _answers(error):
                errors += [self._try([report]) for report in batch]
            else:
                errors += [error] * len(batch)
        return errors

    def _try(self, reports: Sequence[Report]) -> Exception | None:
        try:
            self.save_reports(reports)
        except Exception as error:
            return error
        return None

    def _refusal(self, report: Report) -> Exception | None:
        """Return the error if the state of the tool's row is why the report failed, else None."""
        found = self.model.objects.unscoped().filter(pk=report.execution_id)
        status, length = found.values_list("status", "output_length").first() or ("deleted", 0)
        if status != self.model.Status.RUNNING:
            return Ended(status)
        if length != report.offset:
            return RowChanged(f"{report.tool} {report.execution_id} has changed meanwhile.")
        return None


def _answers(error: Exception) -> bool:
    """Whether the database can be queried again at once."""
    if is_outage(error):
        return connection.connection is not None and connection.is_usable()
    return True


def _batches(reports: Sequence[Report]) -> Iterator[list[Report]]:
    """Yield batches in order. A statement changes a row once, so a batch has each tool once."""
    batch: dict[str, Report] = {}
    for report in reports:
        if report.execution_id in batch or len(batch) == BATCH:
            yield list(batch.values())
            batch = {}
        batch[report.execution_id] = report
    if batch:
        yield list(batch.values())


def _write(reports: Sequence[Report], writes: Sequence[Write]) -> None:
    """The default recorder: executes the writes and records no events."""
    with transaction.atomic():
        for write in writes:
            write.execute()


def _send_nowhere(report: Report) -> bool:
    return False


_record: Recorder = _write
_send: Sender = _send_nowhere


def _update(model: type[models.Model], reports: Sequence[Report]) -> Write:
    """Update the rows of the tools. They have to be running, with the length the reports expect."""
    parameters = []
    for report in reports:
        length = report.offset + len(report.output)
        parameters += [_key(report), report.offset, report.message, report.progress, length]
    return Write(_update_sql(model, len(reports)), parameters, len(reports))


@cache
def _update_sql(model: type[models.Model], rows: int) -> str:
    fields = [model._meta.get_field(n) for n in ("id", "output_length", "message", "progress")]
    types = [field.db_type(connection) for field in (*fields, fields[1])]
    row = f"({', '.join(f'CAST(%s AS {type})' for type in types)})"
    table = model._meta.db_table
    return (
        f"UPDATE {table} SET message = given.column3, progress = given.column4, "
        "output_length = given.column5 "
        f"FROM (VALUES {', '.join([row] * rows)}) AS given "
        f"WHERE {table}.id = given.column1 AND {table}.output_length = given.column2 "
        f"AND {table}.status = 'running' RETURNING id"
    )


def _chunks(reports: Sequence[Report]) -> Iterator[Write]:
    """Insert the output of the reports that have any."""
    given = [report for report in reports if report.output]
    if given:
        yield Write(
            f'INSERT INTO {OutputChunk._meta.db_table} (execution_id, "offset", text) '
            f"VALUES {', '.join(['(%s, %s, %s)'] * len(given))} RETURNING id",
            [value for r in given for value in (_key(r), r.offset, r.output)],
            len(given),
        )


def _key(report: Report) -> str:
    """The id in the form that SQLite stores and PostgreSQL accepts."""
    return report.execution_id.replace("-", "")
