"""The limits of a run or of a crew's day, each with how much of it is used."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crews.models import Crew
from crews.models.budget import Period
from runs.execution import budget_use
from runs.execution.budget_use import BudgetUse
from runs.models import Run


@dataclass(frozen=True, slots=True)
class Amount:
    """``used``: None if it is unknown. ``left_out``: model calls that have not reported it."""

    measure: str
    limit: Decimal
    used: Decimal | None
    left_out: int

    @property
    def level(self) -> str:
        """``warning``, ``exceeded`` or ``""``."""
        return "" if self.used is None else budget_use.level_of(self.used, self.limit)


def amounts_of_runs(runs: Collection[Run], crew: Crew, now: datetime) -> list[list[Amount]]:
    """Return for each of these runs the limits that the crew has now, with the run's use."""
    if not (limits := crew.budget(Period.RUN)):
        return [[] for _ in runs]
    uses = budget_use.use_of_runs(runs, [*limits], now)
    return [list(compared(limits, uses[run.pk])) for run in runs]


def amounts_of_day(crew: Crew, now: datetime) -> list[Amount]:
    """Return each limit of the crew's day, with the use since the day began."""
    if not (limits := crew.budget(Period.DAY)):
        return []
    return list(compared(limits, budget_use.use_of_day(crew, [*limits], now)))


def compared(limits: dict[str, Decimal], use: BudgetUse) -> Iterator[Amount]:
    for measure, limit in limits.items():
        yield Amount(measure, limit, use.of(measure), use.left_out(measure))
