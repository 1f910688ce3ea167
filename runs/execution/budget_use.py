"""The use of their budgets by runs, counted from their rows: nothing is counted twice.

A run's model calls are in its totals, which each call is added to once, when it ends. Tool calls
are its rows. So events that a reporter sends again change nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, Sum

from crews.models import Crew
from crews.models.budget import Measure
from runs.models import BudgetAlert, Control, ModelCall, Run, ToolExecution
from runs.models.budget_alert import WARNED_FROM

PAUSES = (Control.Action.PAUSE, Control.Action.RESUME)
SPAN = ("pk", "created_at", "started_at", "ended_at")


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """``None``: unknown. ``calls_without_usage`` and ``calls_without_cost`` are model calls that
    ``tokens`` and ``usd`` leave out.
    """

    tokens: int | None
    usd: Decimal | None
    minutes: Decimal
    tool_calls: int
    model_calls: int | None
    calls_without_usage: int = 0
    calls_without_cost: int = 0

    def of(self, measure: str) -> Decimal | None:
        used = getattr(self, measure)
        return None if used is None else Decimal(used)

    def left_out(self, measure: str) -> int:
        """Return how many model calls have not reported this measure."""
        return {
            Measure.TOKENS: self.calls_without_usage,
            Measure.USD: self.calls_without_cost,
        }.get(Measure(measure), 0)


def level_of(used: Decimal, limit: Decimal) -> str:
    """The level of an alert about it; ``""``: there is none."""
    if used > limit:
        return BudgetAlert.Level.EXCEEDED
    return BudgetAlert.Level.WARNING if used >= limit * WARNED_FROM else ""


def use_of_runs(
    runs: Collection[Run], measures: Collection[str], now: datetime
) -> dict[UUID, BudgetUse]:
    """Return the use of each run, of these measures; the others are 0 or unknown."""
    tools: dict[UUID, int] = {}
    if Measure.TOOL_CALLS in measures:
        of = ToolExecution.objects.unscoped().filter(task_execution__run__in=runs).order_by()
        counted = of.values("task_execution__run").annotate(n=Count("pk"))
        tools = dict(counted.values_list("task_execution__run", "n"))
    seconds: dict[UUID, float] = {}
    if Measure.MINUTES in measures:
        spans = [(run.pk, run.created_at, run.started_at, run.ended_at) for run in runs]
        seconds = _seconds(spans, Control.objects.unscoped().filter(run__in=runs), now)
    return {
        run.pk: BudgetUse(
            minutes=_minutes(seconds.get(run.pk, 0.0)),
            tool_calls=tools.get(run.pk, 0),
            **_models(run) if run.is_reported else NOT_REPORTED,
        )
        for run in runs
    }


def use_of_day(crew: Crew, measures: Collection[str], now: datetime) -> BudgetUse:
    """Return the use of all runs of the crew since its day began, also of those deleted since.

    A run from before the day counts only with its use since then, by the times of its calls.
    """
    since = crew.day_start(now)
    every = Run.objects.unscoped().filter(crew=crew)
    fresh = every.filter(created_at__gte=since)
    earlier = every.filter(created_at__lt=since)
    active = list(earlier.active().order_by().values_list(*SPAN))
    ended = list(earlier.filter(ended_at__gte=since).order_by().values_list(*SPAN))
    old = [pk for pk, *_ in (*active, *ended)]
    use: dict[str, Any] = {"minutes": _minutes(0), "tool_calls": 0}
    if Measure.TOOL_CALLS in measures:
        tools = ToolExecution.objects.unscoped()
        use["tool_calls"] = tools.filter(task_execution__run__in=fresh).count()
        if old:
            of_old = tools.filter(task_execution__run__in=old, started_at__gte=since)
            use["tool_calls"] += of_old.count()
    if Measure.MINUTES in measures:
        spans = [*fresh.order_by().values_list(*SPAN), *active, *ended]
        of = Control.objects.unscoped().filter(Q(run__in=fresh) | Q(run__in=old))
        use["minutes"] = _minutes(sum(_seconds(spans, of, now, since=since).values()))
    if {Measure.TOKENS, Measure.USD, Measure.MODEL_CALLS} & {*measures}:
        totals = fresh.usage()
        parts = [{field.name: getattr(totals, field.name) for field in fields(totals)}]
        if old:
            calls = ModelCall.objects.unscoped().filter(run__in=old, ended_at__gte=since)
            parts.append(
                calls.order_by().aggregate(
                    model_calls=Count("pk"),
                    input_tokens=Sum("input_tokens"),
                    output_tokens=Sum("output_tokens"),
                    cost_usd=Sum("cost_usd"),
                    calls_without_usage=Count(
                        "pk", filter=Q(input_tokens=None) | Q(output_tokens=None)
                    ),
                    calls_without_cost=Count("pk", filter=Q(cost_usd=None)),
                )
            )
        use |= _of_totals(parts)
    else:
        use |= NOT_REPORTED
    return BudgetUse(**use)


NOT_REPORTED = {"tokens": None, "usd": None, "model_calls": None}  # by a worker's tools


def _models(run: Run) -> dict[str, Any]:
    return _of_totals([{field.name: getattr(run, field.name) for field in fields(run.usage)}])


def _of_totals(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Tokens, cost and calls of these totals.

    Without any call nothing is used yet, which is known.
    """
    parts = list(parts)
    known: dict[str, list[Any]] = {
        name: [part[name] for part in parts if part[name] is not None] for name in parts[0]
    }
    calls = sum(known["model_calls"])
    tokens = [*known["input_tokens"], *known["output_tokens"]]
    return {
        "tokens": sum(tokens) if tokens or not calls else None,
        "usd": sum(known["cost_usd"], Decimal()) if known["cost_usd"] or not calls else None,
        "model_calls": calls,
        "calls_without_usage": sum(known["calls_without_usage"]),
        "calls_without_cost": sum(known["calls_without_cost"]),
    }


def _minutes(seconds: float) -> Decimal:
    return round(Decimal(seconds) / 60, 4)


def _seconds(
    spans: Iterable[tuple[UUID, datetime, datetime | None, datetime | None]],
    controls: Any,
    now: datetime,
    since: datetime | None = None,
) -> dict[UUID, float]:
    """The seconds that each run has taken, since ``since``, without those in which it was paused.

    A reported run may have begun, by its program's clock, before its first report arrived. That
    time does not count.
    """
    pauses_and_resumes: defaultdict[UUID, list[tuple[str, datetime]]] = defaultdict(list)
    applied = controls.filter(action__in=PAUSES, status=Control.Status.APPLIED)
    for run, action, at in applied.order_by("ended_at").values_list("run", "action", "ended_at"):
        pauses_and_resumes[run].append((action, at))
    found = {}
    for pk, created_at, started_at, ended_at in spans:
        if started_at is None:
            continue
        first = max(filter(None, (created_at, started_at, since)))
        last = max(min(ended_at or now, now), first)
        taken, began, is_paused = timedelta(), first, False
        for action, at in pauses_and_resumes[pk]:
            at = min(max(at, first), last)
            if action == Control.Action.PAUSE and not is_paused:
                taken, is_paused = taken + (at - began), True
            elif action == Control.Action.RESUME and is_paused:
                began, is_paused = at, False
        if not is_paused:
            taken += last - began
        found[pk] = taken.total_seconds()
    return found
