"""A run that is requested when its crew has used more than a budget of the day.

By choice of the crew it is refused, or it is made and waits, paused, until the next day. So it does
not begin first and stop a second later, when the scheduler looks.
"""

from collections.abc import Iterable

from django.utils import timezone

from crews.models import Crew
from crews.models.budget import AtLimit, Period
from crews.tracking import InvalidState
from runs.execution import budget_actions, budget_amounts
from runs.execution.budget_amounts import Amount
from runs.models import BudgetAlert, Run
from runs.usage_format import used_of_limit

SENTENCES = {
    AtLimit.CANCEL: "Runs start again after midnight ({zone}), or when an admin raises the limit.",
    AtLimit.PAUSE: "A new run waits until midnight ({zone}), or until an admin raises the limit.",
}


def admit(run: Run) -> None:
    """Refuse the run with ``InvalidState``, or pause it, if a budget of the day is exceeded.

    Called in the transaction of the request.
    """
    crew, now = run.crew, timezone.now()
    if not (reason := start_refusal_reason(crew, budget_amounts.amounts_of_day(crew, now))):
        return
    if crew.at_limit(Period.DAY) == AtLimit.PAUSE:
        budget_actions.apply_budgets(run, now)
    else:
        raise InvalidState(reason)


def start_refusal_reason(crew: Crew, day: Iterable[Amount]) -> str:
    """Why a run that is started now cannot begin, or ``""``. ``day``: the crew's amounts."""
    for one in day:
        if one.used is not None and one.level == BudgetAlert.Level.EXCEEDED:
            used = f"The crew has today used {used_of_limit(one.used, one.limit, one.measure)}."
            return f"{used} {SENTENCES[crew.at_limit(Period.DAY)].format(zone=crew.budget_zone)}"
    return ""
