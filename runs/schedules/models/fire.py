from typing import Self

from django.db import models

from crews.scoping import OwnedModel, ScopedQuerySet
from runs.schedules.models.schedule import Schedule

DETAIL_LIMIT = 300  # characters


class FireQuerySet(ScopedQuerySet):
    organization_path = "schedule__crew__organization"
    deletable = ("schedule__crew__",)

    def waiting(self) -> Self:
        return self.unscoped().filter(outcome=Fire.Outcome.WAITING)

    def of(self, schedule: Schedule) -> Self:
        """Those of a schedule that was reached, the newest first."""
        return self.unscoped().filter(schedule=schedule).order_by("-due_at")


class Fire(OwnedModel):
    """A fire time of a schedule, and its outcome. There is one row for each time at most."""

    class Outcome(models.TextChoices):
        STARTED = "started", "Started"
        WAITING = "waiting", "Waits"
        SKIPPED = "skipped", "Skipped"
        MISSED = "missed", "Missed"

    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, related_name="fires", db_index=False
    )
    due_at = models.DateTimeField()
    outcome = models.CharField(max_length=7, choices=Outcome)
    detail = models.CharField(max_length=DETAIL_LIMIT, blank=True)  # the reason, for a person
    run = models.OneToOneField(
        "runs.Run", on_delete=models.SET_NULL, null=True, related_name="fire"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FireQuerySet.as_manager()

    class Meta:
        ordering = ["-due_at"]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="fire_once"),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="fire_oldest"),
            models.Index(
                fields=["schedule", "due_at"],
                name="fire_waiting",
                condition=models.Q(outcome="waiting"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.due_at:%Y-%m-%d %H:%M} UTC: {self.get_outcome_display().lower()}"

    def end(self, outcome: str, detail: str = "", run: models.Model | None = None) -> None:
        """Save the fire time with its outcome."""
        self.outcome, self.detail, self.run = outcome, detail[:DETAIL_LIMIT], run
        self.save()
