"""What is kept for how long: workspaces, runs, and by way of ``cleaning`` what others keep about them."""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now
from django.dispatch import Signal

from runs import workspaces
from runs.models import Run

INTERVAL_S = 3600.0

logger = logging.getLogger(__name__)

cleaning = Signal()  # sent once runs have been removed


class Housekeeping:
    """Cleans when it is first asked to and then once an hour, however often it is asked."""

    def __init__(self) -> None:
        self._due_at = float("-inf")  # seconds, monotonic

    def clean_if_due(self) -> None:
        if time.monotonic() >= self._due_at:
            clean()
            self._due_at = time.monotonic() + INTERVAL_S


def clean() -> None:
    """Remove what has been kept for as long as the settings say."""
    workspaces.remove_old()
    _remove_old_runs()
    cleaning.send(sender=None)


def _remove_old_runs() -> None:
    if not settings.RUNS_RETENTION_DAYS:
        return
    oldest = Now() - timedelta(days=settings.RUNS_RETENTION_DAYS)
    old = Run.objects.filter(status__in=Run.TERMINAL, ended_at__lt=oldest)
    removed = 0
    for pk in list(old.values_list("pk", flat=True)):
        # Each in a transaction of its own: a run's output can be megabytes.
        removed += bool(old.filter(pk=pk).delete()[0])
    if removed:
        logger.info(
            "Removed %d runs that had ended before %g days", removed, settings.RUNS_RETENTION_DAYS
        )
