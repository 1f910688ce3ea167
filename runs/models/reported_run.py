import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now
from django.utils import timezone

from crews.compiled_queries import BindParam, Update
from crews.models import ApiKey, Crew
from crews.scoping import OwnedModel, ScopedQuerySet
from crews.tracking import TrackedModel, TrackedQuerySet
from runs.models.run import Run

KEY_LIMIT = 200  # characters of a reporter's own keys and ids
DIGEST_BYTES = 16
IDS_KEPT_FOR = timedelta(hours=24)
RUNS_AT_ONCE = 20
RENEWAL = Update(
    lambda: (
        Run.objects.unscoped().filter(
            pk=BindParam("run", models.UUIDField()), status=Run.Status.RUNNING
        ),
        {"lease_until": Now() + BindParam("lease", models.DurationField())},
    )
)


class ReportedRunQuerySet(ScopedQuerySet):
    organization_path = "organization"

    def open(self, *, crew: Crew, api_key: ApiKey, key: str, **fields: object) -> "ReportedRun":
        """Create a running run of ``crew``. ``key`` is the reporter's own key of the run.

        The run is never queued, so no worker claims it. Raises ``IntegrityError`` if the key is in
        use; then the caller's transaction must be rolled back.
        """
        run = Run(
            crew=crew,
            api_key=api_key,
            origin=Run.Origin.REPORTED,
            status=Run.Status.RUNNING,
            started_at=fields.pop("started_at"),
            lease_until=Now() + timedelta(seconds=settings.REPORTED_IDLE_S),
            plan={"crew": crew.name, "agents": [], "tasks": []},
        )
        run.save(force_insert=True)
        # The save has locked the crew, so another call that opened this key has committed. An
        # insert would wait for a transaction that updates that run, and which may wait for the
        # crew.
        if self.filter(organization=crew.organization_id, key=key).exists():
            raise IntegrityError(f"The key {key} is in use.")
        # The database has set the lease, and the instance does not have the value yet.
        run.refresh_from_db(fields=["lease_until"], from_queryset=Run.objects.unscoped())
        return self.create(run=run, organization_id=crew.organization_id, key=key, **fields)

    def renew_all(self) -> None:
        """Renew the full lease of each open run."""
        for reported in self.filter(run__status=Run.Status.RUNNING):
            reported.renew()

    def forget_ids(self) -> None:
        """Delete the event ids of runs that ended long ago. Later events of these runs are rejected
        because they come too late.
        """
        kept = self.filter(keeps_ids=True, run__ended_at__lt=Now() - IDS_KEPT_FOR)
        for run_id in list(kept.values_list("pk", flat=True)[:RUNS_AT_ONCE]):
            with transaction.atomic():
                self.filter(pk=run_id).update(keeps_ids=False)
                SeenEvent.objects.filter(run=run_id).delete()


class ReportedRun(OwnedModel):
    """The data about a run that an external program reports."""

    run = models.OneToOneField(
        "runs.Run", on_delete=models.CASCADE, primary_key=True, related_name="reported"
    )
    organization = models.ForeignKey(
        "crews.Organization", on_delete=models.CASCADE, related_name="reported_runs"
    )
    key = models.CharField(max_length=KEY_LIMIT)
    name = models.CharField(max_length=100, blank=True)
    source = models.CharField(max_length=40, help_text="What reports: python, exec, langchain.")
    # How far the reporter's clock is ahead, by its boot. Subtracted from each time that it sends.
    clock_ahead_s = models.FloatField(default=0.0)
    beats = models.BooleanField(default=False, help_text="Whether it has ever sent a beat.")
    # The controls that its program takes, separated by commas: cancel, pause, message.
    controls = models.CharField(max_length=40, default="cancel", db_default="cancel", blank=True)
    events_seen = models.PositiveIntegerField(default=0)
    keeps_ids = models.BooleanField(default=True, help_text="Whether ids of its events are kept.")

    objects = ReportedRunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "key"], name="reported_run_key_unique"),
        ]
        indexes = [
            models.Index(
                fields=["run"], condition=models.Q(keeps_ids=True), name="reported_run_keeps_ids"
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def lease_s(self) -> float:
        """Seconds without a report after which the run is ended."""
        return settings.REPORTED_LEASE_S if self.beats else settings.REPORTED_IDLE_S

    def renew(self) -> None:
        """Extend the lease because the reporter has sent something. Emits no event."""
        RENEWAL.execute(run=self.run_id, lease=timedelta(seconds=self.lease_s))


class SeenEventQuerySet(ScopedQuerySet):
    organization_path = "run__crew__organization"


class SeenEvent(OwnedModel):
    """The id of an event that a run has received, as a hash: a second one is a duplicate."""

    # The unique constraint finds the rows of a run. A row is added only while its run is locked, so
    # the run exists: the database need not look for it for each of these many rows.
    run = models.ForeignKey(
        "runs.Run",
        on_delete=models.CASCADE,
        related_name="seen_events",
        db_index=False,
        db_constraint=False,
    )
    digest = models.BinaryField(max_length=DIGEST_BYTES)

    objects = SeenEventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "digest"], name="seen_event_once_per_run"),
        ]

    def __str__(self) -> str:
        return bytes(self.digest).hex()


class AgentExecutionQuerySet(TrackedQuerySet):
    organization_path = "run__crew__organization"


class AgentExecution(TrackedModel):
    """One period of work of an agent in a reported run. The same agent may have two at once."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="agent_executions")
    agent_id = models.SlugField(max_length=50, db_index=False)
    instance = models.CharField(max_length=KEY_LIMIT, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = AgentExecutionQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["run", "agent_id", "instance"],
                condition=models.Q(status="running"),
                name="agent_execution_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} ({self.status})"

    def finish(self, status: str, *, at: datetime | None = None) -> None:
        """End it, and its model calls if the agent has no other open execution in this run.

        Only the first call has an effect. The caller holds the lock of the run's row.
        """
        if self.status == self.Status.RUNNING:
            own = {"run_id": self.run_id, "agent_id": self.agent_id}
            if type(self).objects.lock(status=self.Status.RUNNING, **own) == [self]:
                self.run.calls.cancel_all(self.run, "Cancelled.", at=at, agent_id=self.agent_id)
            self.status = status
            self.ended_at = max(at or timezone.now(), self.started_at)
            self.save(update_fields=["status", "ended_at"])
