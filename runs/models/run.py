import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from crews.tracking import IllegalMove, TrackedModel
from runs.models.run_queryset import RunQuerySet, lease_end
from runs.models.timespan import TimeSpan

if TYPE_CHECKING:
    from runs.models.task_execution import TaskExecution


class StaleAttempt(IllegalMove):
    """The run was taken away from this attempt, which can write nothing more in its name."""


class Run(TrackedModel, TimeSpan):
    """One execution of a crew's plan, from the request to its one ``done``."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Retry(models.TextChoices):
        AGAIN = "again", "Run again"
        RESUMED = "resumed", "Gone on from the failed task"
        RESTARTED = "restarted", "Started over, as the workspace was gone"

    ACTIVE = (Status.QUEUED, Status.RUNNING)
    TERMINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)
    UNTOLD = frozenset({"started_by", "parent"})
    FROZEN = frozenset({"plan"})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    crew = models.ForeignKey("crews.Crew", on_delete=models.CASCADE, related_name="runs")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="runs",
    )
    parent = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="retries",
        help_text="The run that this one repeats or goes on with.",
    )
    retry = models.CharField(max_length=10, choices=Retry, blank=True)
    remains = models.JSONField(
        default=list,
        editable=False,
        help_text="What tools made in the workspace: see runs.remains.",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    plan = models.JSONField(editable=False, help_text="The crew as it was: see Crew.plan().")
    # Of the plan, for lists, which must not read it: it may have megabytes.
    crew_name = models.CharField(max_length=100, default="", db_default="", editable=False)
    tasks_planned = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # However they ended. Written by RunQuerySet.count_ended alone, never from an instance.
    tasks_ended = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    reason = models.CharField(max_length=40, blank=True)  # task_failed, worker_lost, ...
    message = models.CharField(max_length=500, blank=True)  # the reason, for a person
    is_public = models.BooleanField(default=False, help_text="Anyone with the link may watch.")
    idempotency_key = models.CharField(  # noqa: DJ001  without a key it is NULL, which is never equal
        max_length=200, null=True, blank=True, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    attempt = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True)
    tools_tier = models.CharField(  # of the worker's box: see runs.tools.box
        "tools' box", max_length=20, blank=True
    )
    lease_until = models.DateTimeField(null=True, blank=True)  # by the database's clock
    cancel_requested = models.BooleanField(default=False)
    announced_at = models.DateTimeField(null=True, blank=True)  # when a worker was last told

    objects = RunQuerySet.as_manager()

    # Of the instance that started the run, for good: the attempt its worker holds.
    held_attempt: int | None = None

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="run_newest"),
            models.Index(fields=["crew", "-created_at", "-id"], name="run_of_crew"),
            models.Index(fields=["status", "-created_at", "-id"], name="run_of_status"),
            models.Index(fields=["status", "lease_until"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["started_by", "idempotency_key"], name="run_of_a_users_key"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status="queued", started_at=None, ended_at=None, lease_until=None
                )
                | models.Q(
                    status="running",
                    started_at__isnull=False,
                    ended_at=None,
                    lease_until__isnull=False,
                )
                | models.Q(
                    status__in=["succeeded", "failed", "cancelled"],
                    ended_at__isnull=False,
                    lease_until=None,
                ),
                name="run_times_match_status",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.crew_name} {str(self.pk)[:8]}"

    def save(self, *args, **kwargs) -> None:
        if self._state.adding:
            self.plan = self.plan or self.crew.plan()
            self.crew_name = self.plan["crew"]
            self.tasks_planned = len(self.plan["tasks"])
        super().save(*args, **kwargs)

    def _do_update(
        self, base_qs: models.QuerySet, using: str, pk_val: Any, values: list, *args: Any
    ) -> bool:
        """Django's update of the row, but for the counter, which this instance may have read long ago."""
        values = [value for value in values if value[0].name != "tasks_ended"]
        return super()._do_update(base_qs, using, pk_val, values, *args)

    @property
    def is_over(self) -> bool:
        return self.status in self.TERMINAL

    @property
    def own_attempt(self) -> int:
        """The attempt in whose name this instance writes: the one it holds, else the one it has read."""
        return self.attempt if self.held_attempt is None else self.held_attempt

    @property
    def log_ids(self) -> dict[str, str]:
        """What log lines about the run carry."""
        return {"run_id": str(self.pk), **self.crew.log_ids}

    @property
    def carried(self) -> list[dict[str, str]]:
        """Tasks that earlier runs have done for this one: ``{task_id, name, agent_id}``."""
        return self.plan.get("carried", [])

    def get_absolute_url(self) -> str:
        return reverse("run", args=[self.pk])

    def start(self, *, worker: str, tier: str = "") -> None:
        """Queued → running, under a new attempt and lease."""
        with self.locked():
            if self.status != self.Status.QUEUED:
                raise IllegalMove(f"Run {self.pk} is {self.status}; only a queued run starts.")
            self.status = self.Status.RUNNING
            self.started_at = timezone.now()
            self.attempt += 1
            self.worker = worker
            self.tools_tier = tier
            self.lease_until = lease_end()
            self.held_attempt = self.attempt
            self.save(
                update_fields=[
                    "status", "started_at", "attempt", "worker", "tools_tier", "lease_until",
                ]
            )  # fmt: skip

    def cancel(self) -> None:
        """End a queued run at once; ask the worker of a running one to. Repeating it is harmless."""
        with self.locked():
            if self.status == self.Status.QUEUED:
                self.finish(self.Status.CANCELLED, reason="cancelled")
            elif self.status == self.Status.RUNNING:
                self.cancel_requested = True
                self.save(update_fields=["cancel_requested"])

    def finish(self, status: str, *, reason: str = "", message: str = "") -> None:
        """End the run and whatever of it is still open. An ended run keeps its first ending.

        Whoever ends a running run without holding it takes it away from its worker.
        """
        with self.locked():
            if self.is_over:
                return
            if status not in self.TERMINAL:
                raise IllegalMove(f"A run cannot finish as {status!r}.")
            if self.status == self.Status.QUEUED and status == self.Status.SUCCEEDED:
                raise IllegalMove(f"Run {self.pk} has not started, so it cannot succeed.")
            tasks = list(self.task_executions.select_for_update().filter(status="running"))
            if self.status == self.Status.RUNNING and self.held_attempt is None:
                self._take_away(tasks)
            for task in tasks:
                task.finish(
                    "cancelled" if status == self.Status.CANCELLED else "failed", reason=reason
                )
            self.status = status
            self.reason, self.message = reason, message[:500]
            self.ended_at = timezone.now()
            self.lease_until = None
            self.save(update_fields=["status", "reason", "message", "ended_at", "lease_until"])

    def _take_away(self, tasks: "list[TaskExecution]") -> None:
        """End the worker's attempt, whatever it still believes: its writes are refused from here on.

        It holds a tool's row while it writes, so these are locked before the attempt.
        """
        for task in tasks:
            list(task.tool_executions.select_for_update().filter(status="running"))
        self.attempt += 1
        self.save(update_fields=["attempt"])

    def run_again(
        self, *, user=None, from_failed: bool = False, idempotency_key: str = ""
    ) -> "Run":
        """Ask for another run: of the crew as it is now, or of this plan from its first failed task.

        The latter takes over the workspace; where that is gone, it starts over: ``Run.retry`` says so.
        Raises ``IllegalMove`` while the run is under way, and as ``request`` does.
        """
        with self.locked():
            if not self.is_over:
                raise IllegalMove(
                    f"Run {self.pk} is {self.status}. Wait for its end, or cancel it."
                )
            return Run.objects.request(
                crew=self.crew,
                user=user,
                idempotency_key=idempotency_key,
                parent=self,
                from_failed=from_failed,
            )

    def share(self, public: bool) -> None:
        """Open the run to anyone who has its link, or close it again."""
        with self.locked():
            self.is_public = public
            self.save(update_fields=["is_public"])
