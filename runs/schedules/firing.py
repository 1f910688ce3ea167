"""Fires schedules: each fire time once, however many schedulers run.

One transaction sets the next fire time (only if it is still the one that was read), stores the fire
time with its outcome, and requests the run. So either all of it has happened, or the next look
finds the schedule due again. docs/architecture.md has the order of the locks.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from structlog.contextvars import bound_contextvars

from crews.audit_actor import Actor, Way, acting_as
from crews.outages import is_outage
from crews.tracking import InvalidState
from runs.models import Control, Run
from runs.models.run_queryset import RunQuerySet
from runs.schedules import cron
from runs.schedules.models import Fire, Schedule

GRACE = timedelta(seconds=60)  # a fire time that is handled later was missed
WAITING_AT_MOST = 10  # fire times of a schedule
AT_ONCE = 500  # schedules in one look
SCHEDULE_ACTOR = "the schedule"
FAULT = "CrewOps could not start it. The scheduler's log says why."

logger = logging.getLogger(__name__)


def fire_due(now: datetime | None = None) -> int:
    """Fire the due schedules. Returns how many fired. ``now``: by default the database's."""
    done = 0
    for schedule in Schedule.objects.due(now)[:AT_ONCE]:
        with bound_contextvars(**schedule.log_ids):
            try:
                fired = _fire(schedule, schedule.now)
            except Exception as error:
                if is_outage(error):  # the others could not be fired either
                    raise
                logger.exception("A schedule could not fire")
                fired = _note_fault(schedule, schedule.now)
            if fired:
                logger.info("A schedule fired, due %s: %s", fired.due_at, fired.outcome)
                done += 1
    return done


def start_waiting() -> int:
    """Start the oldest waiting fire time of each crew that has no run under way."""
    active = Run.objects.unscoped().active().filter(crew=OuterRef("schedule__crew"))
    active = active.filter(origin=Run.Origin.WORKER)
    rows = Fire.objects.waiting().not_deleted().annotate(busy=Exists(active))
    handled, started = set(), 0
    for fire in rows.select_related("schedule__crew__organization").order_by("due_at"):
        schedule = fire.schedule
        if schedule.is_enabled and (fire.busy or schedule.pk in handled):
            continue
        handled.add(schedule.pk)  # also if another scheduler has it: then `busy` is out of date
        with bound_contextvars(**schedule.log_ids), acting_as(_actor(schedule)):
            try:
                started += _start_waiting(fire)
            except Exception as error:
                if is_outage(error):  # the others could not be started either
                    raise
                logger.exception("A waiting fire time could not start")
                with transaction.atomic():
                    if _take(fire):
                        fire.end(Fire.Outcome.MISSED, FAULT)
    return started


def _start_waiting(fire: Fire) -> bool:
    """Start it, unless another scheduler has it or the crew's next run has begun meanwhile."""
    with transaction.atomic():
        if not _take(fire):
            return False
        if not fire.schedule.is_enabled:
            fire.end(Fire.Outcome.MISSED, "The schedule was switched off while it waited.")
            return False
        if _active(fire.schedule).exists():
            transaction.set_rollback(True)  # it goes on waiting
            return False
        _start(fire, fire.detail)
        return True


def _take(fire: Fire) -> bool:
    """Take a fire time that waits. Locks its row, so another scheduler then finds it taken."""
    own = Fire.objects.waiting().filter(pk=fire.pk)
    return bool(QuerySet.update(own, outcome=Fire.Outcome.STARTED))


def _fire(schedule: Schedule, now: datetime) -> Fire | None:
    """Handle all due times; ``None`` if another process did, or a user has edited the schedule."""
    due_at, number, following = cron.due_times(
        schedule.expression, schedule.zone, schedule.next_at, now
    )
    is_late = now - due_at > GRACE
    with acting_as(_actor(schedule)), transaction.atomic():
        if not Schedule.objects.advance(schedule, following):
            return None
        if _is_handled(schedule, due_at):
            return None
        fire = Fire(schedule=schedule, due_at=due_at)
        if is_late and schedule.missed == Schedule.Missed.NEVER:
            fire.end(Fire.Outcome.MISSED, _missed(schedule.next_at, number))
            return fire
        if number > 1 and not is_late and not _is_handled(schedule, schedule.next_at):
            earlier = Fire(schedule=schedule, due_at=schedule.next_at)
            earlier.end(Fire.Outcome.MISSED, _missed(schedule.next_at, number - 1))
        _begin(fire, _missed(schedule.next_at, number) if is_late else "")
        return fire


def _begin(fire: Fire, detail: str) -> None:
    """Start the run, or say why not. ``detail``: why it starts late."""
    schedule = fire.schedule
    active = _active(schedule)
    waiting = schedule.fires.filter(outcome=Fire.Outcome.WAITING)
    match schedule.overlap:
        case Schedule.Overlap.SKIP if run := active.order_by("created_at").first():
            fire.end(Fire.Outcome.SKIPPED, f"Run {str(run.pk)[:8]} was still {run.status}.")
        case Schedule.Overlap.QUEUE if active.exists() or waiting.exists():
            if waiting.count() >= WAITING_AT_MOST:
                detail = f"{WAITING_AT_MOST} earlier fire times wait already."
                fire.end(Fire.Outcome.MISSED, detail)
            else:
                fire.end(Fire.Outcome.WAITING, detail)
        case Schedule.Overlap.CANCEL:
            _start(fire, detail, instead_of=active.filter(trigger=Run.Trigger.SCHEDULE))
        case _:
            _start(fire, detail)


def _start(fire: Fire, detail: str, instead_of: RunQuerySet | None = None) -> None:
    """Request the run. ``instead_of``: runs to cancel for it, if the request is not refused."""
    schedule = fire.schedule
    try:
        with transaction.atomic():  # the request may be refused after the others were cancelled
            if instead_of is not None:
                _cancel(instead_of)
            run = Run.objects.request(crew=schedule.crew, trigger=Run.Trigger.SCHEDULE)
    except InvalidState as refusal:
        fire.end(Fire.Outcome.MISSED, str(refusal))
    else:
        fire.end(Fire.Outcome.STARTED, detail, run)


def _cancel(runs: RunQuerySet) -> None:
    """Cancel these runs. All their rows are locked before the first one locks the crew's."""
    for run in list(runs.select_for_update(of=("self",)).order_by("pk")):
        try:
            Control.objects.ask(run, Control.Action.CANCEL, by=SCHEDULE_ACTOR)
        except InvalidState:
            logger.info("Run %s had ended before its schedule could cancel it", run.pk)


def _active(schedule: Schedule) -> RunQuerySet:
    """The runs of the crew that wait or are running; those that programs report do not count."""
    runs = Run.objects.unscoped().active().filter(crew=schedule.crew_id, deleted_at=None)
    return runs.filter(origin=Run.Origin.WORKER)


def _note_fault(schedule: Schedule, now: datetime) -> Fire | None:
    """Go on with the next fire time, so that a defect shows and is not repeated every second."""
    try:
        following = next(cron.times(schedule.expression, schedule.zone, now), None)
    except Exception:  # as when the time zone is not there any more
        following = None
    with transaction.atomic():
        if not Schedule.objects.advance(schedule, following):
            return None
        if _is_handled(schedule, schedule.next_at):
            return None
        fire = Fire(schedule=schedule, due_at=schedule.next_at)
        fire.end(Fire.Outcome.MISSED, FAULT)
        return fire


def _is_handled(schedule: Schedule, due_at: datetime) -> bool:
    """Whether this time has fired, and then an edit has set the next fire time back to it."""
    return schedule.fires.filter(due_at=due_at).exists()


def _missed(first: datetime, number: int) -> str:
    """That nothing handled so many fire times, from ``first`` on."""
    since = f"{first:%Y-%m-%d %H:%M} UTC"
    if number == 1:
        return f"No scheduler was running at {since}."
    more = " or more" if number >= cron.COUNTED_TIMES else ""
    return f"No scheduler was running at {number:,}{more} fire times since {since}."


def _actor(schedule: Schedule) -> Actor:
    return Actor(Way.SYSTEM, f"schedule {schedule}")
