"""Acts on the budgets of crews: warns, and asks runs to pause, to stop or to continue.

The scheduler looks once a second at the use of the active runs. So a report costs nothing more,
minutes count without any event, and a run may use a little more than its budget before it stops.
`runs.models.budget_alert` has the share of a limit from which a warning is sent.
"""

import logging
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from crews.audit_actor import Actor, Way, acting_as
from crews.models import Crew
from crews.models.budget import AtLimit, Period, is_limited
from crews.outages import is_outage
from crews.tracking import InvalidState
from runs.execution import budget_amounts, budget_use
from runs.execution.background import PeriodicThread
from runs.execution.budget_amounts import Amount, compared
from runs.models import BudgetAlert, Control, Run
from runs.models.run_queryset import RunQuerySet

BUDGET_ACTOR = "the budget"
REST_FACTOR = 4  # times as long as a check took
WARNING, EXCEEDED = BudgetAlert.Level.WARNING, BudgetAlert.Level.EXCEEDED

logger = logging.getLogger(__name__)


class Budgets(PeriodicThread):
    """Checks once a second. This takes at most a fifth of the time of a database connection."""

    name = due = "budgets"

    def run_once(self) -> None:
        began = time.monotonic()
        check_all()
        self.interval_s = max(PeriodicThread.interval_s, REST_FACTOR * (time.monotonic() - began))


@dataclass(frozen=True, slots=True)
class Finding:
    """What a `BudgetAlert` says. ``since``: see there."""

    period: str
    measure: str
    level: str
    since: datetime
    limit: Decimal
    used: Decimal

    @property
    def key(self) -> tuple[str, str, str, datetime]:
        return (self.period, self.measure, self.level, self.since)


def check_all(now: datetime | None = None) -> int:
    """Check all active runs with a budget. Returns for how many something has changed."""
    now = now or timezone.now()
    runs = list(_watched())
    known: dict[UUID, list[BudgetAlert]] = {run.pk: [] for run in runs}
    for alert in BudgetAlert.objects.unscoped().open().filter(run__in=runs) if runs else ():
        known[alert.run_id].append(alert)
    done = 0
    for run, found in _found(runs, now):
        if _is_settled(run, found, known[run.pk]):
            continue
        try:
            with bound_contextvars(**run.log_ids):
                done += apply_budgets(run, now)
        except Run.DoesNotExist:
            continue
        except Exception as error:
            if is_outage(error):  # the others could not be changed either
                raise
            logger.exception("The budget of run %s could not be applied", run.pk)
    return done


def _watched() -> RunQuerySet:
    limited = Crew.objects.unscoped().filter(is_limited()).order_by()
    alerts = BudgetAlert.objects.unscoped().open().filter(run=OuterRef("pk"))
    runs = Run.objects.unscoped().active().filter(Q(crew__in=limited.values("pk")) | Exists(alerts))
    return runs.select_related("crew").defer("plan", "remains").order_by("created_at", "pk")


def _found(runs: Collection[Run], now: datetime) -> Iterator[tuple[Run, list[Finding]]]:
    """Yield each run with its findings, with a few queries for all and some for each crew."""
    measures = {measure for run in runs for measure in run.crew.budget(Period.RUN)}
    uses = budget_use.use_of_runs(runs, measures, now) if measures else {}
    days: dict[UUID, list[Finding]] = {}
    for run in runs:
        if run.crew_id not in days:
            days[run.crew_id] = _day_findings(run.crew, now)
        found = []
        if run.status == Run.Status.RUNNING and run.pk in uses:
            amounts = compared(run.crew.budget(Period.RUN), uses[run.pk])
            found += _findings(Period.RUN, amounts, run.created_at)
        # A run that waits uses nothing: it is not warned, only kept from its start.
        is_queued = run.status == Run.Status.QUEUED
        found += [one for one in days[run.crew_id] if one.level == EXCEEDED or not is_queued]
        yield run, found


def _day_findings(crew: Crew, now: datetime) -> list[Finding]:
    amounts = budget_amounts.amounts_of_day(crew, now)
    return list(_findings(Period.DAY, amounts, crew.day_start(now)))


def _findings(period: str, amounts: Iterable[Amount], since: datetime) -> Iterator[Finding]:
    for one in amounts:
        if one.used is not None and one.level:
            yield Finding(period, one.measure, one.level, since, one.limit, one.used)


def _is_settled(run: Run, found: Collection[Finding], alerts: Collection[BudgetAlert]) -> bool:
    """Whether nothing is left to do. It is decided again under the lock of the run."""
    new, gone = _differences(found, alerts)
    idle = run.pause_requested or run.cancel_requested
    waits = [alert for alert in alerts if alert.is_exceeded and not alert.control_id]
    return not (new or gone or (waits and not idle))


def _differences(
    found: Collection[Finding], alerts: Collection[BudgetAlert]
) -> tuple[list[Finding], list[BudgetAlert]]:
    """The findings without an alert, and the alerts that do not hold any more."""
    keys, known = {one.key for one in found}, {alert.key for alert in alerts}
    # A warning still holds when more than the limit is used.
    holding = keys | {(p, m, WARNING, s) for p, m, level, s in keys if level == EXCEEDED}
    return (
        [one for one in found if one.key not in known],
        [alert for alert in alerts if alert.key not in holding],
    )


def apply_budgets(run: Run, now: datetime) -> bool:
    """Under the lock of the run, record new findings, and request their control once."""
    actor = Actor(Way.SYSTEM, f"budget of {run.crew}")
    with acting_as(actor), run.locked():
        if run.is_over:
            return False
        run.crew = Crew.objects.unscoped().select_related("organization").get(pk=run.crew_id)
        [(_, found)] = _found([run], now)
        alerts = list(run.budget_alerts.open())
        new, gone = _differences(found, alerts)
        for alert in gone:
            alert.clear()
        alerts = [alert for alert in alerts if alert not in gone]
        alerts += [_note(run, one) for one in new]
        exceeded = [alert for alert in alerts if alert.is_exceeded]
        if any(alert.is_exceeded for alert in gone):
            _resume(run, exceeded)
        _act(run, exceeded)
    return True


def _note(run: Run, one: Finding) -> BudgetAlert:
    action = run.crew.at_limit(one.period) if one.level == EXCEEDED else ""
    about: dict[str, Any] = {"period": one.period, "measure": one.measure, "level": one.level}
    logger.info("Budget of %s a %s: %s of %s", one.measure, one.period, one.used, one.limit)
    return BudgetAlert.objects.create(
        run=run, **about, since=one.since, limit=one.limit, used=one.used, action=action
    )


def _act(run: Run, alerts: Collection[BudgetAlert]) -> None:
    """Request the control that these alerts demand. Each alert requests one only once."""
    waiting = [alert for alert in alerts if not alert.control_id]
    if not waiting or run.cancel_requested:
        return
    wants_end = any(alert.action == AtLimit.CANCEL for alert in waiting)
    if run.pause_requested and not wants_end:
        control = _own_pause(run)  # a person's pause ends with a resume, and then this one begins
    else:
        action = Control.Action.CANCEL if wants_end else Control.Action.PAUSE
        try:
            control = Control.objects.ask(run, action, by=BUDGET_ACTOR)
        except InvalidState as refusal:
            logger.warning("The budget cannot %s run %s: %s", action, run.pk, refusal)
            return
    for alert in waiting if control else ():
        alert.control = control
        alert.save(update_fields=["control"])


def _resume(run: Run, exceeded: Collection[BudgetAlert]) -> None:
    """Resume a run that a budget has paused, if no alert demands this pause any more.

    The pause of a person stays. An alert whose pause was ended by a person demands no other.
    """
    if not run.pause_requested or run.cancel_requested or not (pause := _own_pause(run)):
        return
    if not any(alert.control_id in (None, pause.pk) for alert in exceeded):
        Control.objects.ask(run, Control.Action.RESUME, by=BUDGET_ACTOR)


def _own_pause(run: Run) -> Control | None:
    """The pause that holds now, if a budget has asked for it."""
    pauses_and_resumes = run.controls.filter(action__in=budget_use.PAUSES)
    pauses_and_resumes = pauses_and_resumes.exclude(status=Control.Status.REFUSED)
    last = pauses_and_resumes.order_by("requested_at", "pk").last()
    is_pause = last is not None and last.action == Control.Action.PAUSE
    return last if is_pause and run.budget_alerts.filter(control=last).exists() else None
