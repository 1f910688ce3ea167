import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse

from crews.models.budget import Budgeted
from crews.models.deletable import Deletable
from crews.tracking import TrackedModel, TrackedQuerySet

MAX_PARALLEL = 32  # tasks of one run at the same time


class CrewQuerySet(TrackedQuerySet):
    deletable = ("",)


class Crew(TrackedModel, Deletable, Budgeted):
    """A team of agents, and the tasks that they execute on each run.

    Without ``Task.after`` and ``max_parallel`` the tasks follow each other in their order.
    """

    class Status(models.TextChoices):
        OFFLINE = "offline", "Offline"
        AVAILABLE = "available", "Available"
        BUSY = "busy", "Busy"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        "crews.Organization", on_delete=models.CASCADE, related_name="crews"
    )
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50)
    description = models.CharField(max_length=300, blank=True)
    is_active = models.BooleanField(
        default=True, help_text="A crew that is not active is offline and starts no run."
    )
    max_active_runs = models.PositiveIntegerField(
        "runs at once",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How many runs of the crew may be running; more wait for a free place. "
        "Empty: the setting MAX_ACTIVE_RUNS_PER_CREW.",
    )
    max_parallel = models.PositiveSmallIntegerField(
        "tasks at once",
        blank=True,
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_PARALLEL)],
        help_text="How many tasks of a run may be running. Empty or 1: they follow each other.",
    )
    own_directories = models.BooleanField(
        "a directory for each task",
        default=False,
        db_default=False,
        help_text="Each task works in a directory of its own. "
        "Otherwise the tasks of a run share one.",
    )
    # The crew with the lowest number starts the next run. Only runs.execution.run_queue writes it.
    turn = models.BigIntegerField(default=0, db_default=0, editable=False)
    # Derived from the crew's runs and the workers. runs.execution.presence keeps it up to date.
    activity = models.CharField(
        max_length=10, choices=Status, default=Status.OFFLINE, editable=False
    )
    # How many tool calls of its runs wait for a person. runs.execution.presence keeps it.
    approvals_pending = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    UNREPORTED = frozenset({"turn"})

    objects = CrewQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["organization", "name"]
        indexes = [
            models.Index(
                fields=["organization"],
                condition=models.Q(approvals_pending__gt=0),
                name="crew_with_approvals",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "slug"],
                name="crew_slug_unique",
                violation_error_message="The organization has a crew with this slug already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def status(self) -> str:
        """``offline``, ``busy`` or ``available``.

        Offline: the crew is deactivated, or no worker is alive. Busy: a run is active.
        """
        return str(self.activity if self.is_active else self.Status.OFFLINE)

    @property
    def log_ids(self) -> dict[str, str]:
        """The ids for log lines about the crew."""
        return {"crew_id": str(self.pk), "organization_id": str(self.organization_id)}

    def plan(self) -> dict:
        """The crew as a run stores it: later edits do not change a run that has been requested.

        ``{"crew": name, "max_parallel", "own_directories", "agents": [{"agent_id", "name",
        "role"}], "tasks": [{"task_id", "name", "agent_id", "after": [task_id], "continue_on_error",
        "steps"}]}``
        """
        tasks = list(self.tasks.select_related("agent"))
        known = {str(task.pk) for task in tasks}
        return {
            "crew": self.name,
            "max_parallel": self.max_parallel,
            "own_directories": self.own_directories,
            "agents": [
                {"agent_id": agent.slug, "name": agent.name, "role": agent.role}
                for agent in self.agents.all()
            ],
            "tasks": [
                {
                    "task_id": str(task.pk),
                    "name": task.name,
                    "agent_id": task.agent.slug,
                    "after": [pk for pk in task.after if pk in known],
                    "continue_on_error": task.continue_on_error,
                    "steps": task.steps,
                }
                for task in tasks
            ],
        }

    def get_absolute_url(self) -> str:
        return reverse("crew", args=[self.pk])
