"""Budgets as pages show them: how much of each limit is used. Unknown use is shown as unknown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from crews.models.budget import Measure
from runs.execution import budget_amounts
from runs.execution.budget_amounts import Amount
from runs.models import Run
from runs.models.budget_alert import WARNED_FROM_TEXT
from runs.usage_format import budget_number

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

    @property
    def level_text(self) -> str:
        levels = {"warning": f"{WARNED_FROM_TEXT} or more", "exceeded": "more than the limit"}
        return levels.get(self.level, "")


def rows_of_run(run: Run, now: datetime) -> list[BudgetRow]:
    """Return the run's use of each limit that its crew has now."""
    return rows_of_runs([run], now)[0]


def rows_of_runs(runs: Sequence[Run], now: datetime) -> list[list[BudgetRow]]:
    """Return the same of some runs of one crew: each list has the same measures."""
    found = budget_amounts.amounts_of_runs(runs, runs[0].crew, now)
    unknown = [NOT_REPORTED if run.is_reported else NO_MODELS for run in runs]
    return [[_row(one, why) for one in own] for own, why in zip(found, unknown, strict=True)]


def rows_of_day(amounts: Iterable[Amount]) -> list[BudgetRow]:
    """Return the rows of the amounts of a crew's day."""
    return [_row(one, NOT_REPORTED) for one in amounts]


def _row(one: Amount, unknown: str) -> BudgetRow:
    note = ""
    if one.used is None:
        note = unknown
    elif one.left_out:
        calls = "1 call that has" if one.left_out == 1 else f"{one.left_out:,} calls that have"
        note = f"Without {calls} not reported it."
    return BudgetRow(
        measure=one.measure,
        label=Measure(one.measure).label,
        used="unknown" if one.used is None else budget_number(one.used, one.measure),
        limit=budget_number(one.limit, one.measure),
        percent=None if one.used is None else min(int(100 * one.used / one.limit), 100),
        level=one.level,
        note=note,
    )
