from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Protocol
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models.functions import Coalesce, Least

from crews.compiled_queries import BindParam, Update
from crews.models.budget import MAX_TOKENS

TOKENS = ("input_tokens", "output_tokens")  # a run has totals of these


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

    @property
    def total_tokens(self) -> int | None:
        return total_tokens(self)


class Counted(Protocol):
    """The numbers of a model call."""

    run_id: UUID
    usage_is_known: bool
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None


def total_tokens(record: UsageTotals | Counted) -> int | None:
    """Return the tokens of the input and the output. ``None``: neither has been reported."""
    known = [count for name in TOKENS if (count := getattr(record, name)) is not None]
    return sum(known) if known else None


class EndedCalls:
    """Collects the model calls that end in a batch. At its end they are added to their runs."""

    def __init__(self) -> None:
        self._by_run: dict[UUID, list[Counted]] = {}

    def add(self, call: Counted) -> None:
        self._by_run.setdefault(call.run_id, []).append(call)

    def write(self) -> None:
        for run_id, calls in self._by_run.items():
            add_to_totals(run_id, calls)


def add_to_totals(run_id: UUID, calls: Sequence[Counted]) -> None:
    """Add ``calls``, which have just ended, to the totals of their run."""
    more: dict[str, int | Decimal] = {"model_calls": len(calls)}
    for name in TOKENS:
        known = [tokens for call in calls if (tokens := getattr(call, name)) is not None]
        if known:
            more[name] = min(sum(known), MAX_TOKENS)
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    if costs:
        more["cost_usd"] = sum(costs, Decimal())
    more["calls_without_cost"] = len(calls) - len(costs)
    more["calls_without_usage"] = sum(not call.usage_is_known for call in calls)
    # Totals emit no events, so this update bypasses nothing.
    _addition(tuple(more)).execute(run=run_id, **more)


@cache
def _addition(names: tuple[str, ...]) -> Update:
    """The update that adds to these totals."""

    def make() -> tuple[models.QuerySet, dict[str, models.expressions.Combinable]]:
        runs = apps.get_model("runs.Run").objects.unscoped()
        return runs.filter(pk=BindParam("run", models.UUIDField())), {n: _sum(n) for n in names}

    return Update(make)


def _sum(name: str) -> models.expressions.Combinable:
    more = BindParam(name, UsageTotals._meta.get_field(name))
    if name in TOKENS:
        return Least(Coalesce(models.F(name), 0) + more, MAX_TOKENS)
    if name == "cost_usd":
        return Coalesce(models.F(name), Decimal()) + more
    return models.F(name) + more
