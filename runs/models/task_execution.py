import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from crews import batches
from crews.tracking import InvalidState, TrackedModel, TrackedQuerySet
from runs.models.run import Run
from runs.models.run_queryset import lease_end
from runs.models.timespan import TimeSpan
from runs.plan_progress import PlanProgress


class TaskExecutionQuerySet(TrackedQuerySet):
    organization_path = "run__crew__organization"
    deletable = ("run__", "run__crew__")
    is_large_table = True

    def start(self, *, run: Run, task: dict, at: datetime | None = None) -> "TaskExecution":
        """Start ``task``, an entry of ``run.plan["tasks"]``. Raises ``InvalidState`` unless the run
        is running.

        If the task is already running, its execution is returned.
        """
        task_id = uuid.UUID(task["task_id"])
        with run.locked():
            if run.status != Run.Status.RUNNING:
                raise InvalidState(f"Run {run.pk} is {run.status}; it starts no task.")
            begun = self.lock(run_id=run.pk, task_id=task_id, status="running")
            return begun[0] if begun else self._begin(run, task, started_at=at or timezone.now())

    def start_next(
        self, *, run: Run, id: uuid.UUID, by_helper: bool = False
    ) -> "TaskExecution | None":
        """Start the task of the plan that is next; ``None`` if no task may begin now.

        If a task with this ``id`` was started, it is returned. ``by_helper``: by a process that
        does not hold the run. It gets a lease on the task, and starts none of a run that is to
        pause or to end. Raises ``InvalidState`` unless the run is running.
        """
        with run.locked():
            if run.status != Run.Status.RUNNING:
                raise InvalidState(f"Run {run.pk} is {run.status}; it starts no task.")
            if begun := self.filter(pk=id, run=run).first():
                begun.run = run
                return begun
            if by_helper and (run.pause_requested or run.cancel_requested):
                return None
            ready = self.progress_of(run).ready
            if not ready:
                return None
            lease = {"lease_until": lease_end()} if by_helper else {}
            return self._begin(run, ready[0], id=id, started_at=timezone.now(), **lease)

    def _begin(self, run: Run, task: dict, **values: Any) -> "TaskExecution":
        return self.create(
            run=run,
            task_id=uuid.UUID(task["task_id"]),
            name=task["name"],
            agent_id=task["agent_id"],
            order=run.plan["tasks"].index(task),
            **values,
        )

    def progress_of(self, run: Run) -> PlanProgress:
        """How far the run has come."""
        begun = self.filter(run=run).values_list("task_id", "status")
        return PlanProgress(run.plan, {str(task_id): status for task_id, status in begun})

    def renew_lease(self, task: "TaskExecution") -> bool:
        """Extend a helper's lease. ``False`` if its attempt does not hold the run any more."""
        owned = self.filter(
            pk=task.pk,
            status=self.model.Status.RUNNING,
            run__status=Run.Status.RUNNING,
            run__attempt=task.run.own_attempt,
        )
        return bool(owned.update(lease_until=lease_end()))

    def note_paused(self, task: "TaskExecution", is_paused: bool) -> None:
        self.filter(pk=task.pk).update(is_paused=is_paused)


class TaskExecution(TrackedModel, TimeSpan):
    """One execution of a task of a run's plan by its agent."""

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
    message = models.CharField(max_length=500, blank=True)  # the reason, for users
    # The lease of a helper, by the database's clock. The process that holds the run needs none.
    lease_until = models.DateTimeField(null=True, editable=False)
    # Of a run with parallel tasks: whether this one has stopped, because the run is to pause.
    is_paused = models.BooleanField(default=False, db_default=False, editable=False)

    UNREPORTED = frozenset({"lease_until", "is_paused"})

    objects = TaskExecutionQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["run", "order"]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=models.Q(lease_until__isnull=False),
                name="task_execution_leased",
            ),
        ]
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
                self._count_in_its_run()
            super().save(*args, **kwargs)

    def finish(
        self, status: str, *, reason: str = "", message: str = "", at: datetime | None = None
    ) -> None:
        """End the task, its open tools and model calls. An ended task keeps its first ending."""
        with self._locked_after_its_run():
            if self.status != self.Status.RUNNING:
                return
            if status not in self.Status.values or status == self.Status.RUNNING:
                raise InvalidState(f"A task cannot finish as {status!r}.")
            # All are locked before the first event: a writer locks a tool's row before its events.
            open_tools = self.tool_executions.lock(task_execution_id=self.pk, status="running")
            self.calls.cancel_all(
                self.run, reason or "Cancelled.", at=at, task_execution_id=self.pk
            )
            _end_all(open_tools, reason or "Cancelled.", at)
            self.status = status
            self.reason, self.message = reason, message[:500]
            self.ended_at = at or timezone.now()
            fields = ["status", "reason", "message", "ended_at"]
            if self.lease_until:
                self.lease_until = None
                fields.append("lease_until")
            self.save(update_fields=fields)

    def _count_in_its_run(self) -> None:
        """Count the task, which is about to be saved as ended. It is counted only once."""
        if batch := batches.current():  # it holds both rows: they are as these instances say
            self.run.tasks_ended += 1
            return batch.mark_changed(self.run, ["tasks_ended"])
        counted = type(self).objects.filter(pk=self.pk, ended_at__isnull=False)
        run = Run.objects.unscoped().filter(~models.Exists(counted), pk=self.run_id)
        # Counters emit no events, so this update bypasses nothing.
        models.QuerySet.update(run, tasks_ended=models.F("tasks_ended") + 1)

    @contextmanager
    def _locked_after_its_run(self) -> Iterator[None]:
        """As ``locked``, but first locks the run's row, which has the counter.

        The end of a run locks in this order too.
        """
        with batches.atomic():
            Run.objects.lock_row(self.run_id)
            with self.locked():
                yield


def _end_all(tools: Sequence[Any], message: str, at: datetime | None) -> None:
    """End these tools, whose rows are locked, in a few statements."""
    if tools and not batches.current():
        with batches.batched() as batch:
            return _end_all(batch.attach(tools), message, at)
    for tool in sorted(tools, key=lambda tool: (tool.started_at, tool.pk)):
        tool.end("error", message=message, at=at)
