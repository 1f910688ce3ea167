import hashlib
import json
import logging
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from crews.models import Crew
from crews.outages import is_outage
from crews.tracking import IllegalMove, TrackedModel, TrackedQuerySet
from runs.models.run import Run

NOTE_LIMIT = 500  # characters
DECISIONS = {"approve": "approved", "deny": "denied"}  # as people and programs give them
SWEPT_AT_ONCE = 500
LOST = "The server that kept the call waiting was lost. Ask again."
REFUSED = (
    "You may watch this crew but not decide about its tool calls. "
    "Ask an admin of the organization for the role of operator."
)
FOR_ADMINS = "By its rule only admins of the organization decide about this call."

logger = logging.getLogger(__name__)


class ApprovalQuerySet(TrackedQuerySet):
    organization_path = "run__crew__organization"
    deletable = ("run__", "run__crew__")
    grows = True

    def pending(self) -> Self:
        return self.filter(status=self.model.Status.PENDING)

    def decidable_by(self, user: Any) -> Self:
        """The approvals that ``user`` may decide, by role and by the setting of the rule."""
        return self.operable_by(user).filter(admins_only=False) | self.managed_by(user)

    def refusal(self, user: Any, pk: uuid.UUID) -> str:
        """Why ``user`` may not decide about the approval, which they can see; "" if they may."""
        if self.decidable_by(user).filter(pk=pk).exists():
            return ""
        return FOR_ADMINS if self.operable_by(user).filter(pk=pk).exists() else REFUSED

    def for_lists(self) -> Self:
        """Newest first, with all that a list shows."""
        approvals = self.select_related("run__crew__organization")
        return approvals.defer("run__plan", "run__remains").order_by("-requested_at", "-pk")

    def request(
        self,
        *,
        id: uuid.UUID,
        run: Run,
        agent_id: str,
        tool: str,
        params: dict[str, Any],
        expires_after_s: float,
        admins_only: bool = False,
        task_id: uuid.UUID | None = None,
        is_held: bool = False,
    ) -> "Approval":
        """Ask for approval of a tool call. ``params`` must be redacted already.

        ``is_held``: a web process waits for the decision and calls `hold`. If it is lost, so is the
        answer, and the call is denied. If an approval with this ``id`` exists, it is returned.
        Raises ``IllegalMove`` unless the run is running.
        """
        with run.locked():
            if known := self.unscoped().filter(run=run, pk=id).first():
                known.run = run
                return known
            if run.status != Run.Status.RUNNING:
                raise IllegalMove(f"Run {run.pk} is {run.status}; nothing of it can be approved.")
            asked_at = timezone.now()
            return self.create(
                id=id,
                run=run,
                task_id=task_id,
                agent_id=agent_id,
                tool=tool,
                params=params,
                seen=digest_of(agent_id, tool, params),
                admins_only=admins_only,
                requested_at=asked_at,
                expires_at=asked_at + timedelta(seconds=expires_after_s),
                held_until=hold_end() if is_held else None,
            )

    def hold(self, ids: Collection[uuid.UUID]) -> None:
        """Note that a web process still waits for these decisions. Emits no event."""
        self.pending().filter(pk__in=ids).update(held_until=hold_end())

    def expire_due(self) -> int:
        """End those that are too late or whose web process was lost. Returns their number.

        One that cannot be ended keeps no other from its end.
        """
        is_lost = models.Q(held_until__lt=Now())
        due = self.pending().filter(is_lost | models.Q(expires_at__lte=timezone.now()))
        due = due.select_related("run__crew").defer("run__plan").order_by("expires_at")
        return sum([_has_ended(approval) for approval in due[:SWEPT_AT_ONCE]])

    def count_of(self, crew: Crew) -> int:
        """How many calls of the crew wait."""
        return self.unscoped().pending().filter(run__crew=crew.pk).count()


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
        """Approve or deny the call. Raises ``IllegalMove`` if it is decided already or expired, or
        if ``seen`` is not the digest of its parameters.
        """
        if decision not in (self.Status.APPROVED, self.Status.DENIED):
            raise IllegalMove(f"A decision is approved or denied, not {decision!r}.")
        with self._locked_after_its_run():
            if self.is_pending and self.expires_at <= timezone.now():
                self._end(self.Status.EXPIRED)
            elif self.is_pending and self.seen == seen:
                self._end(decision, by=by, note=note)
                return
            refusal = self._undecidable()
        raise IllegalMove(refusal)  # after the transaction, which may have ended it as expired

    def expire(self, note: str = "", *, at: datetime | None = None) -> None:
        """End it without a decision. A decision that was made stays."""
        with self._locked_after_its_run():
            if self.is_pending:
                self._end(self.Status.EXPIRED, note=note, at=at)

    def look(self) -> None:
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


def _has_ended(approval: Approval) -> bool:
    """End an approval that is due. Returns False if that failed or it was deleted meanwhile."""
    try:
        approval.expire("" if approval.left_s <= 0 else LOST)
    except (Run.DoesNotExist, Approval.DoesNotExist):
        return False
    except Exception as error:
        if is_outage(error):  # the others could not be ended either
            raise
        logger.exception("Approval %s could not be ended", approval.pk)
        return False
    return True


def hold_end() -> models.expressions.Combinable:
    """The database's time at which a web process that does not renew its hold counts as lost."""
    return Now() + timedelta(seconds=settings.RUN_LEASE_S)


def digest_of(agent_id: str, tool: str, params: dict[str, Any]) -> str:
    """Return the digest of a call. A decision names it, so a user cannot approve another call."""
    shown = json.dumps([agent_id, tool, params], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(shown.encode(errors="surrogatepass")).hexdigest()
