"""Limits on the use of a crew: for each of its runs, and for all of them together in a day."""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from crews.zones import ZONE_LIMIT, validate_zone

# From here on, JavaScript cannot distinguish neighbouring integers.
MAX_TOKENS = 2**53 - 1
USD_AT_MOST = 1_000_000
USD_DIGITS, USD_PLACES = 12, 4
MINUTES_AT_MOST = 525_600  # a year
CALLS_AT_MOST = 1_000_000_000

TOO_LITTLE = "Write a number above 0. Leave it empty for no limit."
TOO_MUCH = "Write at most %(limit_value)s. Leave it empty for no limit."


class Measure(models.TextChoices):
    TOKENS = "tokens", "Tokens"
    USD = "usd", "USD"
    MINUTES = "minutes", "Minutes"
    TOOL_CALLS = "tool_calls", "Tool calls"
    MODEL_CALLS = "model_calls", "Model calls"


class Period(models.TextChoices):
    RUN = "run", "A run"
    DAY = "day", "A day"


class AtLimit(models.TextChoices):
    CANCEL = "cancel", "Cancel the run"
    PAUSE = "pause", "Pause the run"


HELP = {
    Measure.TOKENS: "Input and output, as programs report them.",
    Measure.USD: "As programs report it, else from the list of prices.",
    Measure.MINUTES: "From the start. Time in which the run is paused does not count.",
    Measure.TOOL_CALLS: "That have begun.",
    Measure.MODEL_CALLS: "That have ended, as programs report them.",
}


def _limits(least: Any, most: Any) -> list[Any]:
    return [MinValueValidator(least, TOO_LITTLE), MaxValueValidator(most, TOO_MUCH)]


def _limit(period: Period, measure: Measure) -> models.Field:
    about = {"null": True, "blank": True, "help_text": HELP[measure]}
    name = f"{measure.label} {period.label.lower()}"
    match measure:
        case Measure.TOKENS:
            return models.BigIntegerField(name, validators=_limits(1, MAX_TOKENS), **about)
        case Measure.USD:
            return models.DecimalField(
                name,
                max_digits=USD_DIGITS,
                decimal_places=USD_PLACES,
                validators=_limits(Decimal(1).scaleb(-USD_PLACES), USD_AT_MOST),
                **about,
            )
    most = MINUTES_AT_MOST if measure == Measure.MINUTES else CALLS_AT_MOST
    return models.PositiveIntegerField(name, validators=_limits(1, most), **about)


def _at_limit(period: Period, help_text: str) -> models.CharField:
    return models.CharField(
        f"at the limit of {period.label.lower()}",
        max_length=6,
        choices=AtLimit,
        default=AtLimit.CANCEL,
        db_default=AtLimit.CANCEL,
        help_text=help_text,
    )


class Budgeted(models.Model):
    """The budgets of a crew. Empty: no limit. `runs.execution.budget_actions` acts on them."""

    budget_run_tokens = _limit(Period.RUN, Measure.TOKENS)
    budget_run_usd = _limit(Period.RUN, Measure.USD)
    budget_run_minutes = _limit(Period.RUN, Measure.MINUTES)
    budget_run_tool_calls = _limit(Period.RUN, Measure.TOOL_CALLS)
    budget_run_model_calls = _limit(Period.RUN, Measure.MODEL_CALLS)
    budget_run_at_limit = _at_limit(
        Period.RUN, "For a run that uses more. A pause lasts until you raise the limit or resume."
    )
    budget_day_tokens = _limit(Period.DAY, Measure.TOKENS)
    budget_day_usd = _limit(Period.DAY, Measure.USD)
    budget_day_minutes = _limit(Period.DAY, Measure.MINUTES)
    budget_day_tool_calls = _limit(Period.DAY, Measure.TOOL_CALLS)
    budget_day_model_calls = _limit(Period.DAY, Measure.MODEL_CALLS)
    budget_day_at_limit = _at_limit(
        Period.DAY,
        "For the active runs. A pause lasts until the next day, or until you raise the limit.",
    )
    budget_zone = models.CharField(
        "time zone of the day",
        max_length=ZONE_LIMIT,
        default="UTC",
        db_default="UTC",
        validators=[validate_zone],
        help_text="The day begins at midnight there: UTC, Europe/Berlin.",
    )

    class Meta:
        abstract = True

    def budget(self, period: str) -> dict[str, Decimal]:
        """The limits of the period, by measure."""
        limits = {measure: getattr(self, f"budget_{period}_{measure}") for measure in Measure}
        return {name: Decimal(limit) for name, limit in limits.items() if limit is not None}

    @property
    def has_budget(self) -> bool:
        """Whether anything is limited."""
        return any(self.budget(period) for period in Period)

    def at_limit(self, period: str) -> str:
        """``cancel`` or ``pause``."""
        return getattr(self, f"budget_{period}_at_limit")

    def day_start(self, now: datetime) -> datetime:
        """The midnight with which the crew's present day began, in UTC."""
        try:
            zone = ZoneInfo(self.budget_zone)
        except (ZoneInfoNotFoundError, ValueError):  # the system's list of zones has changed
            zone = ZoneInfo("UTC")
        today = now.astimezone(zone).date()
        return datetime.combine(today, time.min, zone).astimezone(UTC)


def is_limited(period: str | None = None) -> models.Q:
    """Match the crews with a limit, of this period or of any."""
    found = models.Q()
    for each in Period if period is None else [period]:
        for measure in Measure:
            found |= models.Q(**{f"budget_{each}_{measure}__isnull": False})
    return found


LIMIT_FIELDS = tuple(f"budget_{period}_{measure}" for period in Period for measure in Measure)
BUDGET_FIELDS = (*LIMIT_FIELDS, "budget_run_at_limit", "budget_day_at_limit", "budget_zone")
