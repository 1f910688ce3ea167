from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from django.db import models
from django.db.models.functions import Coalesce, Least

# From here on, JavaScript cannot distinguish neighbouring integers.
TOKENS_AT_MOST = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals of ended model calls. ``None``: no call has reported it, so the total is unknown.

    ``calls_without_usage`` and ``calls_without_cost`` are calls that the totals leave out.
    """

    model_calls: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    calls_without_usage: int
    calls_without_cost: int


class UsageTotals(models.Model):
    """The totals of a run's ended model calls. Only ``ModelCall.end`` writes them."""

    model_calls = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    input_tokens = models.BigIntegerField(null=True, editable=False)
    output_tokens = models.BigIntegerField(null=True, editable=False)
    cost_usd = models.DecimalField(max_digits=28, decimal_places=10, null=True, editable=False)
    calls_without_usage = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    calls_without_cost = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        abstract = True

    @property
    def usage(self) -> Usage:
        return Usage(**{name: getattr(self, name) for name in Usage.__dataclass_fields__})


class Counted(Protocol):
    """The numbers of a model call."""

    usage_is_known: bool
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None


def totals_with(calls: Sequence[Counted]) -> dict[str, models.expressions.Combinable]:
    """Return the update of ``UsageTotals`` that adds ``calls``, which have just ended."""
    totals = {"model_calls": models.F("model_calls") + len(calls)}
    for name in ("input_tokens", "output_tokens"):
        known = [tokens for call in calls if (tokens := getattr(call, name)) is not None]
        if known:
            tokens = min(sum(known), TOKENS_AT_MOST)
            totals[name] = Least(Coalesce(models.F(name), 0) + tokens, TOKENS_AT_MOST)
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    if costs:
        totals["cost_usd"] = Coalesce(models.F("cost_usd"), Decimal()) + sum(costs)
    if without_cost := len(calls) - len(costs):
        totals["calls_without_cost"] = models.F("calls_without_cost") + without_cost
    if without_usage := sum(not call.usage_is_known for call in calls):
        totals["calls_without_usage"] = models.F("calls_without_usage") + without_usage
    return totals
