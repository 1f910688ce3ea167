import uuid
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse

from crews.models.deletable import Deletable
from crews.tracking import TrackedModel
from runs.models.run_constraints import CONSTRAINTS, INDEXES
from runs.models.timespan import TimeSpan
from runs.models.usage import Usage, UsageTotals

WORKER_TAKES = ("cancel", "pause")
COUNTERS = {"tasks_ended", *Usage.__dataclass_fields__}


class AbstractRun(TrackedModel, Deletable, TimeSpan, UsageTotals):
    """The columns of a run, and what can be read from them. The changes of state are in `Run`."""

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

    class Origin(models.TextChoices):
        WORKER = "worker", "Carried out by a worker"
        REPORTED = "reported", "Reported by a program"

    class Trigger(models.TextChoices):
        PERSON = "", "A person or a program asked for it"
        SCHEDULE = "schedule", "A schedule started it"

    ACTIVE = (Status.QUEUED, Status.RUNNING)
    TERMINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)
    UNREPORTED = frozenset({"started_by", "api_key", "parent"})
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
    api_key = models.ForeignKey(
        "crews.ApiKey",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="runs",
        help_text="The API key that asked for the run.",
    )
    parent = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="retries",
        help_text="The run that this one repeats or goes on with.",
    )
    trigger = models.CharField(
        max_length=10, choices=Trigger, blank=True, default="", db_default="", editable=False
    )
    retry = models.CharField(max_length=10, choices=Retry, blank=True)
    remains = models.JSONField(
        default=list,
        editable=False,
        help_text="What tools made in the workspace: see runs.execution.clones.",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    origin = models.CharField(
        max_length=10,
        choices=Origin,
        default=Origin.WORKER,
        db_default=Origin.WORKER,
        editable=False,
    )
    plan = models.JSONField(editable=False, help_text="The crew as it was: see Crew.plan().")
    # Copied from the plan for lists, which must not load it: a plan may have megabytes.
    crew_name = models.CharField(max_length=100, default="", db_default="", editable=False)
    tasks_planned = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # All ended tasks, whatever their status. Only TaskExecution.save writes this column.
    tasks_ended = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    reason = models.CharField(max_length=40, blank=True)  # task_failed, worker_lost, ...
    message = models.CharField(max_length=500, blank=True)  # the reason, for a person
    is_public = models.BooleanField(default=False, help_text="Anyone with the link may watch.")
    idempotency_key = models.CharField(  # noqa: DJ001  NULL without a key: NULLs are never equal
        max_length=200, null=True, blank=True, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    attempt = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True)
    tools_tier = models.CharField(  # isolation of the worker's tools: see runs.tools.box
        "tools' box", max_length=20, blank=True
    )
    lease_until = models.DateTimeField(null=True, blank=True)  # by the database's clock
    cancel_requested = models.BooleanField(default=False)
    # Whether people want it to be paused, and since when it is: see runs.models.control.
    pause_requested = models.BooleanField(default=False, db_default=False, editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)
    announced_at = models.DateTimeField(null=True, blank=True)  # last message to the workers

    # The attempt that this process works on. None on an instance that carries out no attempt.
    held_attempt: int | None = None

    class Meta(TrackedModel.Meta):
        abstract = True
        ordering = ["-created_at", "-id"]
        indexes = INDEXES
        constraints = CONSTRAINTS

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
        """Django's update of the row, without the counters: this instance's values may be old."""
        values = [value for value in values if value[0].name not in COUNTERS]
        return super()._do_update(base_qs, using, pk_val, values, *args)

    @property
    def is_over(self) -> bool:
        return self.status in self.TERMINAL

    @property
    def is_reported(self) -> bool:
        return self.origin == self.Origin.REPORTED

    @property
    def controls_taken(self) -> tuple[str, ...]:
        """Which of cancel, pause and message the process that carries out the run supports."""
        return tuple(self.reported.controls.split(",")) if self.is_reported else WORKER_TAKES

    @property
    def own_attempt(self) -> int:
        """The attempt this instance writes for: the one it holds, else the one it has read."""
        return self.attempt if self.held_attempt is None else self.held_attempt

    @cached_property
    def event_ids(self) -> dict[str, str]:
        """The ids that events about the run carry. A run keeps both for ever."""
        return {"crew_id": str(self.crew_id), "run_id": str(self.pk)}

    @property
    def log_ids(self) -> dict[str, str]:
        """The ids that log lines about the run carry."""
        return {"run_id": str(self.pk), **self.crew.log_ids}

    @property
    def carried(self) -> list[dict[str, str]]:
        """Tasks of the plan that earlier runs have completed: ``{task_id, name, agent_id}``."""
        return self.plan.get("carried", [])

    def get_absolute_url(self) -> str:
        return reverse("run", args=[self.pk])
