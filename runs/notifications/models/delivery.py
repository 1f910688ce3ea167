import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now

from crews.scoping import OwnedModel, User
from runs.notifications import messages
from runs.notifications.models.target import OwnedQuerySet, Target
from runs.notifications.retry_delays import delay_after

# A process that ends during an attempt leaves the delivery to the others after this time.
CLAIMED_FOR = timedelta(seconds=120)
ERROR_LIMIT = 300  # characters


class DeliveryQuerySet(OwnedQuerySet):
    organization_path = "target__organization"
    owner_path = "target__owner"
    deletable = ("target__organization__",)
    is_large_table = True

    def queue(self, event_id: str, event: dict[str, Any], targets: Iterable[Target]) -> None:
        """Add a delivery of the event to each target. Harmless when repeated.

        Call this in the transaction of the event: both are stored, or neither.
        """
        self.bulk_create(
            [self.model(target=target, event_id=event_id, event=event) for target in targets],
            ignore_conflicts=True,
        )

    def queue_test(self, target: Target, *, by: User) -> None:
        """Queue a test for the target."""
        event = messages.of_test(target.name, by.get_username())
        self.queue(f"{event['type']}:{uuid.uuid4()}", event, [target])

    def claim(self, limit: int, *, busy: Iterable[int] = ()) -> list["Delivery"]:
        """Take deliveries that are due, for an attempt. No other process takes the same.

        ``busy``: organizations that have to wait until a delivery of theirs is done.
        """
        with transaction.atomic():
            due = self.filter(status=Delivery.Status.PENDING, next_at__lte=Now())
            due = due.exclude(target__organization__in=[*busy])
            locked = due.select_for_update(
                of=("self",), skip_locked=connection.features.has_select_for_update_skip_locked
            )
            rows = locked.select_related("target__organization", "target__owner")
            found = list(rows.order_by("next_at", "pk")[:limit])
            QuerySet.update(
                self.filter(pk__in=[row.pk for row in found]),
                attempts=F("attempts") + 1,
                next_at=Now() + CLAIMED_FOR,
            )
        for row in found:
            row.attempts += 1
        return found


class Delivery(OwnedModel):
    """One event for one target.

    The row is the queue: it is sent until it arrives or is given up.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waits"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"
        SUPPRESSED = "suppressed", "Not sent"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The database does not check it. A target may be deleted while a run ends and queues this, and
    # the end of the run must not fail for it. Queries that join the target leave such a row out.
    target = models.ForeignKey(
        Target, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False
    )
    event_id = models.CharField(max_length=80)
    event = models.JSONField()  # as it was when it happened
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)  # in all
    failures = models.PositiveIntegerField(default=0)  # since it was queued
    next_at = models.DateTimeField(null=True, db_default=Now())
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=ERROR_LIMIT, blank=True)  # why it has this status

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["target", "event_id"], name="delivery_once"),
        ]
        indexes = [
            models.Index(fields=["next_at"], name="delivery_due", condition=Q(status="pending")),
            models.Index(fields=["target", "-created_at", "-id"], name="delivery_of_target"),
            models.Index(fields=["created_at"], name="delivery_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.event.get('title', self.event_id)} to {self.target}"

    @property
    def log_ids(self) -> dict[str, str]:
        return {"delivery_id": str(self.pk), **self.target.log_ids}

    def send_again(self) -> None:
        """Queue it again, whatever its status is. One that waits is sent now."""
        QuerySet.update(
            Delivery.objects.unscoped().filter(pk=self.pk),
            status=self.Status.PENDING, failures=0, next_at=Now(), ended_at=None, note="",
        )  # fmt: skip

    def note_delivered(self, attempt: "Attempt") -> None:
        self._note(attempt, status=self.Status.DELIVERED, next_at=None, ended_at=Now(), note="")

    def note_failed(self, attempt: "Attempt", *, for_good: bool = False) -> None:
        """After a failed attempt it waits for the next one, if there is one."""
        failures, note = self.failures + 1, attempt.error
        delay = None if for_good else delay_after(failures)
        if delay is None:
            end = {"status": self.Status.FAILED, "next_at": None, "ended_at": Now()}
            self._note(attempt, failures=failures, note=note, **end)
        else:
            self._note(attempt, failures=failures, note=note, next_at=Now() + delay)

    def suppress(self, note: str) -> None:
        """Nothing is sent, for the reason in ``note``."""
        end = {"status": self.Status.SUPPRESSED, "next_at": None, "ended_at": Now()}
        self._note(None, note=note, **end)

    def postpone(self, pause: timedelta, note: str) -> None:
        """Nothing is sent now, for the reason in ``note``. It waits again."""
        self._note(None, note=note, next_at=Now() + pause)

    def _note(self, attempt: "Attempt | None", **values: Any) -> None:
        """Save the outcome of this attempt, unless another one has begun in the meantime."""
        values["note"] = values["note"][:ERROR_LIMIT]
        with transaction.atomic():
            own = Delivery.objects.filter(pk=self.pk, attempts=self.attempts)
            QuerySet.update(own.filter(status=self.Status.PENDING), **values)
            if attempt and Delivery.objects.filter(pk=self.pk).exists():
                attempt.delivery, attempt.number = self, self.attempts
                attempt.save()


@dataclass(frozen=True, slots=True)
class Recent:
    """The attempts for a target within the last hour."""

    tried: int
    arrived: int


class AttemptQuerySet(OwnedQuerySet):
    organization_path = "delivery__target__organization"
    owner_path = "delivery__target__owner"
    deletable = ("delivery__target__organization__",)
    is_large_table = True

    def within_an_hour(self, target: Target) -> Recent:
        recent = self.filter(delivery__target=target, at__gt=Now() - timedelta(hours=1))
        return Recent(
            **recent.aggregate(tried=Count("pk"), arrived=Count("pk", filter=Q(error="")))
        )


class Attempt(OwnedModel):
    """One attempt to send a delivery, and its result."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    duration_s = models.FloatField()
    code = models.PositiveIntegerField(null=True)  # HTTP status
    error = models.CharField(max_length=ERROR_LIMIT, blank=True)
    reply = models.CharField(max_length=ERROR_LIMIT, blank=True)  # the beginning, without secrets

    objects = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["number", "id"]
        indexes = [models.Index(fields=["at"], name="attempt_at")]

    def __str__(self) -> str:
        return f"Attempt {self.number} of {self.delivery_id}"
