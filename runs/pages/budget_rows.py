"""Budgets as pages show them: how much of each limit is used. What is unknown is said to be so."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crews.models import Crew
from crews.models.budget import Measure, Period
from runs.execution import budget_use
from runs.execution.budget_use import Use
from runs.models import Run
from runs.models.budget_alert import number

NO_MODELS = "The tools of a worker report no model calls."
NOT_REPORTED = "No model call has reported it."


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """``percent``: None if it is unknown. ``level``: "", ``warning`` or ``exceeded``."""

    measure: str
    label: str
    used: str
    limit: str
    percent: int | None
    level: str
    note: str


def of_run(run: Run, now: datetime) -> list[BudgetRow]:
    """What the run has used of the limits that its crew has now."""
    limits = run.crew.budget(Period.RUN)
    if not limits:
        return []
    use = budget_use.of_runs([run], [*limits], now)[run.pk]
    return list(_rows(limits, use, NOT_REPORTED if run.is_reported else NO_MODELS))


def of_day(crew: Crew, now: datetime) -> list[BudgetRow]:
    """What the crew has used since its day began."""
    limits = crew.budget(Period.DAY)
    return (
        list(_rows(limits, budget_use.of_day(crew, [*limits], now), NOT_REPORTED)) if limits else []
    )


def _rows(limits: dict[str, Any], use: Use, unknown: str) -> Iterator[BudgetRow]:
    for measure, limit in limits.items():
        used, left_out = use.of(measure), use.left_out(measure)
        note = ""
        if used is None:
            note = unknown
        elif left_out:
            calls = "1 call that has" if left_out == 1 else f"{left_out:,} calls that have"
            note = f"Without {calls} not reported it."
        yield BudgetRow(
            measure=measure,
            label=Measure(measure).label,
            used="unknown" if used is None else number(used, measure),
            limit=number(limit, measure),
            percent=None if used is None else min(int(100 * used / limit), 100),
            level="" if used is None else budget_use.level_of(used, limit),
            note=note,
        )
