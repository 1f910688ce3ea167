import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import models
from django.urls import reverse
from django.utils import timezone

from crews.tracking import InvalidState, TrackedModel
from runs.models.approval_queryset import ApprovalQuerySet

NOTE_LIMIT = 500  # characters
DECISIONS = {"approve": "approved", "deny": "denied"}  # as people and programs give them


class Approval(TrackedModel):
    """A tool call that waits, or has waited, for a person's decision.

    Create emits ``approval_requested``, the decision ``approval_decided``. The first decision
    stays. No state but ``approved`` lets the call begin.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        APPROVED = "approved", "Approved"
        DENIED = "denied", "Denied"
        EXPIRED = "expired", "Expired"

    REFUSED = (Status.DENIED, Status.EXPIRED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="approvals")
    task_id = models.UUIDField(null=True, help_text="The task in the run's plan.")
    agent_id = models.SlugField(max_length=50, db_index=False)
    tool = models.CharField(max_length=40)
    params = models.JSONField(default=dict)
    seen = models.CharField(max_length=64, help_text="The digest of what a person is shown.")
    admins_only = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    by = models.CharField(max_length=200, blank=True, help_text="A user or an API key.")
    note = models.CharField(max_length=NOTE_LIMIT, blank=True)
    # When the web process that keeps the program waiting counts as lost, by the database's clock.
    held_until = models.DateTimeField(null=True, editable=False)

    # The API key of the program that waits in this process. It is not stored.
    asked_by: uuid.UUID | None = None

    UNREPORTED = frozenset({"held_until"})

    objects = ApprovalQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["-requested_at", "-id"]
        indexes = [
            models.Index(fields=["-requested_at", "-id"], name="approval_newest"),
            models.Index(fields=["status", "-requested_at", "-id"], name="approval_of_status"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(status="pending"),
                name="approval_pending",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status="pending", decided_at=None)
                | models.Q(status__in=["approved", "denied", "expired"], decided_at__isnull=False),
                name="approval_decision_matches_status",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} of {self.agent_id}"

    def get_absolute_url(self) -> str:
        return reverse("approval", args=[self.pk])

    @property
    def is_pending(self) -> bool:
        return self.status == self.Status.PENDING

    @property
    def is_refused(self) -> bool:
        return self.status in self.REFUSED

    @property
    def left_s(self) -> float:
        """Seconds until it expires."""
        return max((self.expires_at - timezone.now()).total_seconds(), 0.0)

    @property
    def refusal(self) -> str:
        """Why the call may not begin, for the program and for people; "" if it may."""
        match self.status:
            case self.Status.APPROVED:
                return ""
            case self.Status.DENIED:
                return f"Denied by {self.by}: {self.note}" if self.note else f"Denied by {self.by}."
            case self.Status.EXPIRED:
                return self.note or "Nobody has approved it in time."
        return "It waits for approval."

    def decide(self, decision: str, *, by: str, seen: str, note: str = "") -> None:
        """Approve or deny the call. Raises ``InvalidState`` if it is decided already or expired, or
        if ``seen`` is not the digest of its parameters.
        """
        if decision not in (self.Status.APPROVED, self.Status.DENIED):
            raise InvalidState(f"A decision is approved or denied, not {decision!r}.")
        with self._locked_after_its_run():
            if self.is_pending and self.expires_at <= timezone.now():
                self._end(self.Status.EXPIRED)
            elif self.is_pending and self.seen == seen:
                self._end(decision, by=by, note=note)
                return
            refusal = self._undecidable()
        raise InvalidState(refusal)  # after the transaction, which may have ended it as expired

    def expire(self, note: str = "", *, at: datetime | None = None) -> None:
        """End it without a decision. A decision that was made stays."""
        with self._locked_after_its_run():
            if self.is_pending:
                self._end(self.Status.EXPIRED, note=note, at=at)

    def refresh_decision(self) -> None:
        """Read the decision, if there is one."""
        self.refresh_from_db(
            fields=["status", "by", "note", "decided_at", "expires_at"],
            from_queryset=Approval.objects.unscoped(),
        )

    def _undecidable(self) -> str:
        if self.is_pending:
            return "The call is not what you were shown. Load it again, then decide."
        if self.status == self.Status.EXPIRED:
            return f"It expired at {self.decided_at:%H:%M:%S} UTC: {self.refusal}"
        return f"It was {self.status} by {self.by} at {self.decided_at:%H:%M:%S} UTC."

    def _end(
        self, status: str, *, by: str = "", note: str = "", at: datetime | None = None
    ) -> None:
        self.status, self.by, self.note = status, by[:200], note[:NOTE_LIMIT]
        self.decided_at = at or timezone.now()
        self.save(update_fields=["status", "by", "note", "decided_at"])

    @contextmanager
    def _locked_after_its_run(self) -> Iterator[None]:
        """As ``locked``, but first locks the run's row: the events are on the run's stream."""
        with self.run.locked(), self.locked():
            yield
