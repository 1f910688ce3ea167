import uuid
from decimal import Decimal
from typing import Self

from django.db import models
from django.utils import timezone

from crews.models.budget import AtLimit, Measure, Period
from crews.tracking import TrackedModel, TrackedQuerySet
from runs import usage_format

WARNED_FROM = Decimal("0.8")  # of a limit
WARNED_FROM_TEXT = f"{WARNED_FROM * 100:.0f} %"
AMOUNT_DIGITS, AMOUNT_PLACES = 28, 10  # as of a run's cost, which has the most


class BudgetAlertQuerySet(TrackedQuerySet):
    organization_path = "run__crew__organization"
    deletable = ("run__", "run__crew__")
    is_large_table = True

    def open(self) -> Self:
        return self.filter(cleared_at=None)


class BudgetAlert(TrackedModel):
    """A run, or a crew's day while the run was active, has used `WARNED_FROM` of a budget, or more
    than all of it.

    Create emits ``budget_warning`` or ``budget_exceeded``. It is cleared when it does not hold any
    more: the limit was raised, or another day has begun. Every change is made under the lock of
    the run's row.
    """

    class Level(models.TextChoices):
        WARNING = "warning", f"{WARNED_FROM_TEXT} is used"
        EXCEEDED = "exceeded", "More is used"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(
        "runs.Run", on_delete=models.CASCADE, related_name="budget_alerts", db_index=False
    )
    period = models.CharField(max_length=3, choices=Period)
    measure = models.CharField(max_length=11, choices=Measure)
    level = models.CharField(max_length=8, choices=Level)
    # The beginning of the crew's budget day, or of the run.
    since = models.DateTimeField()
    limit = models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=AMOUNT_PLACES)
    used = models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=AMOUNT_PLACES)
    action = models.CharField(max_length=6, choices=AtLimit, blank=True)
    # The control that was requested because of it.
    control = models.ForeignKey(
        "runs.Control", on_delete=models.SET_NULL, null=True, related_name="budget_alerts"
    )
    at = models.DateTimeField(default=timezone.now)
    cleared_at = models.DateTimeField(null=True)

    UNREPORTED = frozenset({"control"})

    objects = BudgetAlertQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["run", "-at", "-id"], name="budget_alert_of_run")]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "period", "measure", "level", "since"],
                condition=models.Q(cleared_at=None),
                name="budget_alert_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measure} a {self.period}: {self.level}"

    @property
    def is_exceeded(self) -> bool:
        return self.level == self.Level.EXCEEDED

    @property
    def summary(self) -> str:
        """``The run has used 4 of 3 tool calls.``"""
        whose = "The crew has today" if self.period == Period.DAY else "The run has"
        return f"{whose} used {self.used_of_limit}."

    @property
    def used_of_limit(self) -> str:
        """``4 of 3 tool calls``, ``2.5 of 3 USD``."""
        return usage_format.used_of_limit(self.used, self.limit, self.measure)

    @property
    def key(self) -> tuple[str, str, str, object]:
        return (self.period, self.measure, self.level, self.since)

    def clear(self) -> None:
        self.cleared_at = timezone.now()
        self.save(update_fields=["cleared_at"])
