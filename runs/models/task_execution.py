import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from crews.tracking import IllegalMove, TrackedModel, TrackedQuerySet
from runs.models.run import Run
from runs.models.timespan import TimeSpan


class TaskExecutionQuerySet(TrackedQuerySet):
    organization_path = "run__crew__organization"

    def start(self, *, run: Run, task: dict) -> "TaskExecution":
        """Begin ``task``, an entry of ``run.plan["tasks"]``; refused once the run is over.

        Repeated while the task runs it returns what has begun.
        """
        with transaction.atomic(), run.locked():
            if run.status != Run.Status.RUNNING:
                raise IllegalMove(f"Run {run.pk} is {run.status}; it starts no task.")
            begun = run.task_executions.filter(task_id=task["task_id"], status="running")
            return begun.first() or self.create(
                run=run,
                task_id=task["task_id"],
                name=task["name"],
                agent_id=task["agent_id"],
                order=run.plan["tasks"].index(task),
                started_at=timezone.now(),
            )


class TaskExecution(TrackedModel, TimeSpan):
    """One task of a run's plan, being carried out by its agent."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="task_executions")
    task_id = models.UUIDField(help_text="The task in the run's plan.")
    name = models.CharField(max_length=100)
    agent_id = models.SlugField(max_length=50, db_index=False)
    order = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    reason = models.CharField(max_length=40, blank=True)  # tool_failed, worker_lost, ...
    message = models.CharField(max_length=500, blank=True)  # the reason, for a person

    objects = TaskExecutionQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["run", "order"]
        constraints = [
            models.UniqueConstraint(fields=["run", "task_id"], name="task_execution_once_per_run"),
            models.CheckConstraint(
                condition=models.Q(status="running", ended_at=None)
                | models.Q(status__in=["succeeded", "failed", "cancelled"], ended_at__isnull=False),
                name="task_execution_end_matches_status",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("update_fields")
        saves_end = self.ended_at is not None and (fields is None or "ended_at" in fields)
        with transaction.atomic(savepoint=False):
            if saves_end and self.loaded.get("ended_at") is None:
                Run.objects.count_ended(self)
            super().save(*args, **kwargs)

    def finish(self, status: str, *, reason: str = "", message: str = "") -> None:
        """End the task and its open tools. An ended task keeps its first ending."""
        with self._locked_after_its_run():
            if self.status != self.Status.RUNNING:
                return
            if status not in self.Status.values or status == self.Status.RUNNING:
                raise IllegalMove(f"A task cannot finish as {status!r}.")
            # All are locked before the first event, as whoever writes for one locks it before.
            for execution in self.tool_executions.select_for_update().filter(status="running"):
                execution.end("error", message=reason)
            self.status = status
            self.reason, self.message = reason, message[:500]
            self.ended_at = timezone.now()
            self.save(update_fields=["status", "reason", "message", "ended_at"])

    @contextmanager
    def _locked_after_its_run(self) -> Iterator[None]:
        """As ``locked``. Who ends a run locks it before its tasks, so its counter is locked first, too."""
        with transaction.atomic():
            Run.objects.hold(self.run_id)
            with self.locked():
                yield
