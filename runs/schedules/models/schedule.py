import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from crews.digests import digest
from crews.models import Crew
from crews.models.atomic_save import AtomicSave
from crews.scoping import OwnedModel, ScopedQuerySet, User
from crews.zones import ZONE_LIMIT, validate_zone
from runs.schedules import cron

SHOWN_TIMES = 5  # that pages and API show
ADMINS_SET_SCHEDULES = "Admins of the organization set schedules. Ask one of them."


class Stale(Exception):
    """The schedule is not as the caller has seen it: another user has changed it meanwhile."""


class ScheduleQuerySet(ScopedQuerySet):
    organization_path = "crew__organization"
    deletable = ("crew__",)

    def due(self, now: datetime | None = None) -> Self:
        """Those that have to fire, the longest waiting first. Deleted crews have none.

        Each has ``now``: the time that was given, or else the database's.
        """
        at = Now() if now is None else Value(now, models.DateTimeField())
        found = self.unscoped().not_deleted().filter(is_enabled=True, next_at__lte=at)
        return found.select_related("crew").annotate(now=at).order_by("next_at")

    def advance(self, schedule: "Schedule", to: datetime | None) -> bool:
        """Set the next fire time, unless another process did, or a user has edited the schedule.

        Locks the row until the transaction ends.
        """
        same = {name: getattr(schedule, name) for name in (*Schedule.TIMING, "next_at")}
        row = self.unscoped().filter(pk=schedule.pk, **same)
        return bool(QuerySet.update(row, next_at=to))

    def lock(self) -> None:
        """Lock the rows until the transaction ends. It waits for those that fire now."""
        rows = self.model.objects.unscoped().filter(pk__in=list(self.values_list("pk", flat=True)))
        list(rows.select_for_update().order_by("pk"))

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete them like ``Schedule.delete``."""
        with transaction.atomic():
            self.lock()
            return super().delete()

    delete.alters_data = True
    delete.queryset_only = True

    def put(
        self, crew: Crew, *, by: User | None, seen: str | None = None, **values: Any
    ) -> tuple["Schedule", bool]:
        """Give the crew this schedule. Returns it, and whether the crew had none before.

        ``by``: None for a program; the audit trail names its API key. ``seen``: the
        ``seen_digest`` that the caller has seen; without it, any schedule is replaced.

        The caller has checked the values and the access to the crew. Raises ``Stale``.
        """
        try:
            return self._put(crew, by, seen, values)
        except IntegrityError:
            # Another request has just made the first one.
            return self._put(crew, by, seen, values)

    @transaction.atomic
    def _put(
        self, crew: Crew, by: User | None, seen: str | None, values: dict[str, Any]
    ) -> tuple["Schedule", bool]:
        there = self.unscoped().select_for_update(of=("self",)).filter(crew=crew).first()
        if seen not in (None, seen_digest(there)) and not (there and there.has(values)):
            raise Stale
        schedule = there or self.model(crew=crew, created_by=by)
        for name, value in (values | {"updated_by": by}).items():
            setattr(schedule, name, value)
        schedule.save()
        return schedule, there is None


class Schedule(AtomicSave, OwnedModel):
    """The times at which a crew starts automatically. A crew has one schedule at most."""

    class Overlap(models.TextChoices):
        SKIP = "skip", "Skip: leave this time out"
        QUEUE = "queue", "Queue: start when that run has ended"
        CANCEL = "cancel", "Cancel: cancel the schedule's earlier run, then start"

    class Missed(models.TextChoices):
        ONCE = "once", "Once: start one run for all of them"
        NEVER = "never", "Never: wait for the next time"

    TIMING = ("expression", "zone", "is_enabled")  # the next fire time depends on these
    EDITED = (*TIMING, "overlap", "missed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    crew = models.OneToOneField("crews.Crew", on_delete=models.CASCADE, related_name="schedule")
    expression = models.CharField(
        "cron expression",
        max_length=cron.EXPRESSION_LIMIT,
        validators=[cron.validate_expression],
        help_text="Minute, hour, day of the month, month, day of the week: 0 2 * * 1-5. "
        "Or @hourly, @daily, @weekly, @monthly, @yearly.",
    )
    zone = models.CharField(
        "time zone",
        max_length=ZONE_LIMIT,
        default="UTC",
        validators=[validate_zone],
        help_text="A name such as Europe/Berlin.",
    )
    overlap = models.CharField(
        max_length=6,
        choices=Overlap,
        default=Overlap.SKIP,
        help_text="What to do when a run of the crew waits or is running at a fire time.",
    )
    missed = models.CharField(
        max_length=5,
        choices=Missed,
        default=Missed.ONCE,
        help_text="What to do with the fire times that nothing handled, as CrewOps was stopped.",
    )
    is_enabled = models.BooleanField("enabled", default=True)
    next_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        ordering = ["crew"]
        indexes = [
            models.Index(fields=["next_at"], name="schedule_due", condition=Q(is_enabled=True)),
        ]

    def __str__(self) -> str:
        return f"{self.expression} {self.zone}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save it, with another next fire time only if what that depends on has changed.

        It is compared with the stored row, which is locked: another user or the scheduler may
        have changed the row since this instance was read.
        """
        with transaction.atomic():
            if self._timing() != self._stored_timing():
                self.next_at = self.first_after(timezone.now()) if self.is_enabled else None
            elif "update_fields" not in kwargs:
                fields = [field.name for field in self._meta.concrete_fields]
                kwargs["update_fields"] = [name for name in fields if name not in ("id", "next_at")]
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete it with its fire times. Its own row is locked first.

        Otherwise a fire time could be stored between the deletion of the others and its own.
        """
        with transaction.atomic():
            Schedule.objects.unscoped().filter(pk=self.pk).lock()
            return super().delete(*args, **kwargs)

    @property
    def log_ids(self) -> dict[str, str]:
        """The ids for log lines about the schedule."""
        return {"schedule_id": str(self.pk), **self.crew.log_ids}

    def has(self, values: Mapping[str, Any]) -> bool:
        return all(getattr(self, name) == value for name, value in values.items())

    def first_after(self, at: datetime) -> datetime | None:
        return next(cron.times(self.expression, self.zone, at), None)

    def next_times(self) -> list[datetime]:
        """The next fire times, in UTC; none while it is switched off."""
        if not self.is_enabled:
            return []
        return cron.next_times(self.expression, self.zone, timezone.now(), SHOWN_TIMES)

    def get_absolute_url(self) -> str:
        return reverse("schedule", args=[self.crew_id])

    def _timing(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.TIMING)

    def _stored_timing(self) -> tuple[Any, ...] | None:
        rows = Schedule.objects.unscoped().select_for_update().order_by().filter(pk=self.pk)
        return rows.values_list(*self.TIMING).first()


def seen_digest(schedule: Schedule | None) -> str:
    """The digest of all that users edit; empty if the crew has no schedule."""
    return digest([getattr(schedule, name) for name in Schedule.EDITED]) if schedule else ""
