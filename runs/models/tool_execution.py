import math
import uuid
from functools import partial
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from crews.text import storable
from crews.tracking import IllegalMove, TrackedModel, TrackedQuerySet
from runs.models.task_execution import TaskExecution
from runs.models.timespan import TimeSpan
from runs.reports import Ended, OutOfStep, Report

MESSAGE_LIMIT = 500  # characters


class ToolExecutionQuerySet(TrackedQuerySet):
    organization_path = "task_execution__run__crew__organization"

    def start(
        self,
        *,
        task_execution: TaskExecution,
        tool: str,
        params: dict,
        id: uuid.UUID | None = None,
    ) -> "ToolExecution":
        """Begin a tool call of a running task. ``params`` must be redacted already.

        Repeated with the same ``id`` it returns the call that has begun.
        """
        with transaction.atomic(), task_execution.locked():
            if begun := task_execution.tool_executions.filter(pk=id).first():
                return begun
            if task_execution.status != TaskExecution.Status.RUNNING:
                raise IllegalMove(f"Task {task_execution} is {task_execution.status}.")
            return self.create(
                id=id or uuid.uuid4(), task_execution=task_execution, tool=tool, params=params
            )


class ToolExecution(TrackedModel, TimeSpan):
    """One call of a tool. Creating, saving and ending it emit ``tool_start``, ``_progress``, ``_end``."""

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

    _in_step = True  # whether the row is known to be as this instance

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["started_at", "id"]
        indexes = [
            models.Index(fields=["-started_at", "-id"], name="tool_newest"),
            models.Index(fields=["status", "-started_at", "-id"], name="tool_of_status"),
            models.Index(fields=["tool", "-started_at", "-id"], name="tool_of_kind"),
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
        """All the tool has written so far."""
        return "".join(self.output_chunks.values_list("text", flat=True))

    def report(
        self,
        *,
        message: str | None = None,
        progress: float | None = None,
        output: str = "",
        offset: int | None = None,
    ) -> None:
        """Tell how far the tool has got; ``output`` is what it wrote since the last report.

        With ``offset``, the place of ``output`` in the whole, a repeated report adds nothing.
        Raises ``IllegalMove`` once the tool has ended, which is how a worker that lost its run
        learns that it has.
        """
        while True:
            try:
                return self._report(message, progress, output, offset)
            except OutOfStep:  # another instance has reported
                self._in_step = False

    def end(self, status: str, *, exit_code: int | None = None, message: str | None = None) -> None:
        """End the call. An ended call keeps its first ending."""
        with self.locked():
            if self.status != self.Status.RUNNING:
                return
            if status not in self.Status.values or status == self.Status.RUNNING:
                raise IllegalMove(f"A tool cannot end as {status!r}.")
            self.status = status
            self.exit_code = exit_code
            if message is not None:
                self.message = message[:MESSAGE_LIMIT]
            self.ended_at = timezone.now()
            self.save(update_fields=["status", "exit_code", "message", "ended_at"])

    def _report(
        self, message: str | None, progress: float | None, output: str, offset: int | None
    ) -> None:
        """Save the report with the row as this instance knows it: whether it is so, the update sees.

        Reading and locking the row first would cost as much as all the rest of a report. Only the
        worker of the run reports, so after a report that was committed the row is as it left it.
        """
        from runs import report_writer

        if not self._in_step:
            self.refresh_from_db(fields=["status", "message", "progress", "output_length"])
        self._in_step = False
        if self.status != self.Status.RUNNING:
            raise self._over()
        report = self._as_report(message, progress, output, offset)
        try:
            report_writer.save(report)
        except Ended as ended:
            self.status = ended.status
            raise self._over() from ended
        self.message, self.progress = report.message, report.progress
        self.output_length = report.offset + len(report.output)
        self._remember(["message", "progress", "output_length"])
        if connection.in_atomic_block:
            transaction.on_commit(partial(setattr, self, "_in_step", True))
        else:  # without asking for a connection, which the process may not need
            self._in_step = True

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
        """Django's update of the row: of a tool that runs only where the row says so, too."""
        if self.status == self.Status.RUNNING:
            base_qs = base_qs.filter(status=self.Status.RUNNING)
        if super()._do_update(base_qs, *args):
            return True
        if self._state.adding:  # a fixture
            return False
        self.status = type(self).objects.values_list("status", flat=True).get(pk=self.pk)
        raise self._over()

    def _over(self) -> IllegalMove:
        return IllegalMove(f"{self.tool} {self.pk} has ended as {self.status}.")
