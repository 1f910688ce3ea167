import math
import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from crews import batches
from crews.text import storable
from crews.tracking import InvalidState, TrackedModel
from runs.models.output_chunk import OutputChunk
from runs.models.report import Ended, Report, RowChanged
from runs.models.report_queryset import ReportQuerySet, emit
from runs.models.task_execution import TaskExecution
from runs.models.timespan import TimeSpan

MESSAGE_LIMIT = 500  # characters
REPORTED = ("message", "progress", "output_length")  # the fields that a report changes


class ToolExecutionQuerySet(ReportQuerySet):
    organization_path = "task_execution__run__crew__organization"
    deletable = ("task_execution__run__", "task_execution__run__crew__")
    is_large_table = True

    def start(
        self,
        *,
        task_execution: TaskExecution,
        tool: str,
        params: dict,
        id: uuid.UUID | None = None,
        at: datetime | None = None,
        ending: Mapping[str, Any] | None = None,
    ) -> "ToolExecution":
        """Start a tool call of a running task. ``params`` must be redacted already.

        ``ending``: the arguments of `ToolExecution.end` for a call that has ended already. If a
        call with the same ``id`` exists, it is returned. Raises ``InvalidState`` if the task is not
        running.
        """
        with task_execution.locked():
            its = self if batches.current() else task_execution.tool_executions
            if begun := its.find(id):
                return begun
            if task_execution.status != TaskExecution.Status.RUNNING:
                raise InvalidState(f"Task {task_execution} is {task_execution.status}.")
            about = {"id": id or uuid.uuid4(), "task_execution": task_execution}
            made = self.model.made(**about, tool=tool, params=params, started_at=at)
            if ending:
                made._end(**ending)
            made.save(force_insert=True)
            return made


class ToolExecution(TrackedModel, TimeSpan):
    """One tool call. Create, save and end emit ``tool_start``, ``tool_progress``, ``tool_end``."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        SUCCESS = "success", "Success"
        ERROR = "error", "Error"
        COMPLETED_WITH_ERRORS = "completed_with_errors", "Completed with errors"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task_execution = models.ForeignKey(
        "runs.TaskExecution", on_delete=models.CASCADE, related_name="tool_executions"
    )
    tool = models.CharField(max_length=40)
    params = models.JSONField(default=dict)
    status = models.CharField(max_length=25, choices=Status, default=Status.RUNNING)
    message = models.CharField(max_length=MESSAGE_LIMIT, blank=True)
    progress = models.FloatField(null=True, blank=True)  # 0..1
    exit_code = models.IntegerField(null=True, blank=True)
    output_length = models.PositiveIntegerField(default=0)  # characters

    objects = ToolExecutionQuerySet.as_manager()

    _in_sync = True  # whether the row is known to equal this instance

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["started_at", "id"]
        indexes = [
            models.Index(fields=["-started_at", "-id"], name="tool_newest"),
            models.Index(fields=["status", "-started_at", "-id"], name="tool_of_status"),
            models.Index(fields=["tool", "-started_at", "-id"], name="tool_of_kind"),
            models.Index(
                fields=["task_execution"], condition=models.Q(status="running"), name="tool_open"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(progress=None) | models.Q(progress__range=(0, 1)),
                name="tool_execution_progress_range",
            ),
            models.CheckConstraint(
                condition=models.Q(status="running", ended_at=None)
                | models.Q(
                    status__in=["success", "error", "completed_with_errors"],
                    ended_at__isnull=False,
                ),
                name="tool_execution_end_matches_status",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} ({self.status})"

    def save(self, *args, **kwargs) -> None:
        self.started_at = self.started_at or timezone.now()
        super().save(*args, **kwargs)

    @property
    def agent_id(self) -> str:
        return self.task_execution.agent_id

    @property
    def output(self) -> str:
        """Everything the tool has written so far."""
        return "".join(self.output_chunks.values_list("text", flat=True))

    def report(
        self,
        *,
        message: str | None = None,
        progress: float | None = None,
        output: str = "",
        offset: int | None = None,
    ) -> None:
        """Report the progress. ``output`` is what the tool wrote since the last report.

        ``offset`` is the position of ``output`` in the whole output. With it a repeated report adds
        nothing. Raises ``InvalidState`` if the tool has ended: so a worker notices that it has lost
        its run.
        """
        while True:
            try:
                return self._report(message, progress, output, offset)
            except RowChanged:  # another instance has reported
                self._in_sync = False

    def end(self, status: str, **ending: Any) -> None:
        """End the call. An ended call keeps its first ending.

        ``ending``: ``exit_code``, ``message`` and ``at``, the time of the end, where known.
        """
        with self.locked():
            if self.status != self.Status.RUNNING:
                return
            self._end(status, **ending)
            self.save(update_fields=["status", "exit_code", "message", "ended_at"])

    def _end(
        self, status: str, exit_code: int | None = None, message: str | None = None, at: Any = None
    ) -> None:
        if status not in ENDINGS:
            raise InvalidState(f"A tool cannot end as {status!r}.")
        self.status = status
        self.exit_code = exit_code
        if message is not None:
            self.message = message[:MESSAGE_LIMIT]
        self.ended_at = at or timezone.now()

    def _report(
        self, message: str | None, progress: float | None, output: str, offset: int | None
    ) -> None:
        """Save the report without reading the row first. The update checks that the row is as
        this instance knows it.

        Reading and locking the row first would cost as much as the rest of a report. Only the run's
        worker reports, so after a committed report the row is as that report left it.
        """
        if batch := batches.current():
            return self._report_in(batch, self._as_report(message, progress, output, offset))
        if not self._in_sync:
            self.refresh_from_db(fields=["status", "message", "progress", "output_length"])
        self._in_sync = False
        if self.status != self.Status.RUNNING:
            raise self._over()
        report = self._as_report(message, progress, output, offset)
        try:
            ToolExecution.objects.save_report(report)
        except Ended as ended:
            self.status = ended.status
            raise self._over() from ended
        self._take(report)
        if connection.in_atomic_block:
            transaction.on_commit(partial(setattr, self, "_in_sync", True))
        else:  # without opening a connection, which the process may not need
            self._in_sync = True

    def _report_in(self, batch: batches.WriteBatch, report: Report) -> None:
        if self.status != self.Status.RUNNING:
            raise self._over()
        batch.mark_changed(self, REPORTED)
        self._take(report)
        if report.output:
            batch.add(OutputChunk(execution=self, offset=report.offset, text=report.output))
        emit(report)

    def _take(self, report: Report) -> None:
        self.message, self.progress = report.message, report.progress
        self.output_length = report.offset + len(report.output)
        self._remember(REPORTED)

    def _as_report(
        self, message: str | None, progress: float | None, output: str, offset: int | None
    ) -> Report:
        run = self.task_execution.run
        message = self.message if message is None else storable(message[:MESSAGE_LIMIT])
        if progress is None or math.isnan(progress):
            progress = self.progress
        else:
            progress = min(max(progress, 0.0), 1.0)
        stored = 0 if offset is None else self.output_length - offset
        output = storable(output[stored:])
        return Report(
            execution_id=str(self.pk),
            tool=self.tool,
            agent_id=self.agent_id,
            run_id=str(run.pk),
            crew_id=str(run.crew_id),
            attempt=run.own_attempt,
            message=message,
            progress=progress,
            output=output,
            offset=self.output_length,
            is_event=bool(output) or (message, progress) != (self.message, self.progress),
        )

    def _do_update(self, base_qs: models.QuerySet, *args: Any) -> bool:
        """Django's update of the row. A running tool is updated only if its row is running too."""
        if self.status == self.Status.RUNNING:
            base_qs = base_qs.filter(status=self.Status.RUNNING)
        if super()._do_update(base_qs, *args):
            return True
        if self._state.adding:  # a fixture
            return False
        self.status = type(self).objects.values_list("status", flat=True).get(pk=self.pk)
        raise self._over()

    def _over(self) -> InvalidState:
        return InvalidState(f"{self.tool} {self.pk} has ended as {self.status}.")


ENDINGS = {*ToolExecution.Status.values} - {ToolExecution.Status.RUNNING}
