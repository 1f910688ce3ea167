"""Sends queued runs to the workers. The message is only a notification and carries a run's id."""

import logging
from collections.abc import Collection
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from structlog.contextvars import get_contextvars

from crews.models import Crew, Organization
from runs.execution import broker, run_queue
from runs.execution.worker import execute_run
from runs.models import Run
from runs.models.run_queryset import RunQuerySet

logger = logging.getLogger(__name__)


def announce(run: Run) -> bool:
    """Send a queued run to the workers. Returns False if the broker did not take the message;
    the reaper then sends it again.
    """
    try:
        asked_by = {"request_id": get_contextvars().get("request_id")}
        with broker.producer() as producer:
            execute_run.apply_async([str(run.pk)], producer=producer, retry=False, headers=asked_by)
    except broker.NotSent as error:
        logger.warning("Run %s waits: the broker did not take its message (%s)", run.pk, error)
        return False
    Run.objects.note_announced(run)
    return True


def announce_startable(organization_id: UUID, at_most: int | None = None) -> None:
    """Send messages for the runs that may start now; their earlier messages may be used up.

    Stops after ``at_most`` messages, or when the broker does not take one.
    """
    for number, run in enumerate(run_queue.startable(organization_id)):
        if number == at_most or not announce(run):
            return


def waiting(longer_than: timedelta) -> RunQuerySet:
    """Queued runs that no worker has taken, with a last message older than ``longer_than``.

    Excludes crews and organizations that have reached a limit. Their runs are announced when one
    of them ends.
    """
    due = Now() - longer_than
    # The clock of the process that created the run may be ahead of the database's clock.
    just_made = Q(created_at__range=(due, Now()))
    full = [queue.crew_id for queue in run_queue.crew_queues() if queue.full]
    return Run.objects.waiting().exclude(just_made | Q(announced_at__gte=due) | Q(crew__in=full))


def run_requested(run: Run) -> None:
    transaction.on_commit(partial(announce, run))


def run_saved(run: Run, changed: Collection[str]) -> None:
    """A run that has ended frees a place for one other run, which may have no message left.

    One that was resumed in the queue may have none left either.
    """
    was_paused = run.loaded.get("pause_requested") and not run.pause_requested
    if run.status == Run.Status.QUEUED and was_paused and "pause_requested" in changed:
        transaction.on_commit(partial(announce, run))
    was_running = run.loaded.get("status") == Run.Status.RUNNING
    if was_running and run.is_over and "status" in changed:
        crew = Crew.objects.unscoped().filter(pk=run.crew_id)
        of, own, organizations = crew.values_list(
            "organization", "max_active_runs", "organization__max_active_runs"
        ).get()
        if run_queue.limit_in_force(
            own, settings.MAX_ACTIVE_RUNS_PER_CREW
        ) or run_queue.limit_in_force(organizations, settings.MAX_ACTIVE_RUNS_PER_ORGANIZATION):
            transaction.on_commit(partial(announce_startable, of, 1))


def limit_saved(limited: Organization | Crew, changed: Collection[str], *, created: bool) -> None:
    """After a limit was raised, announce the runs that waited for it."""
    if not created and "max_active_runs" in changed:
        of = limited.organization_id if isinstance(limited, Crew) else limited.pk
        transaction.on_commit(partial(announce_startable, of))
