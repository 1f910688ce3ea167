"""Retention of workspaces and runs. Other modules clean up their records on ``cleaning``."""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.dispatch import Signal

from runs.execution import removal, workspace_removal
from runs.execution.background import PeriodicThread
from runs.execution.forks import lock_between_forks
from runs.execution.removal import Throttle, no_throttle
from runs.models import Run

CLEANING_INTERVAL_S = 3600.0
DELETED_POLL_S = 5.0  # interval of the query for what users have deleted

logger = logging.getLogger(__name__)

cleaning = Signal()  # sent after runs were removed; receivers call ``throttle`` after each batch


class Stopped(Exception):
    """The process ends. The next start continues the cleaning."""


class RetentionThread(PeriodicThread):
    """Cleans at its start and then once an hour, in a separate thread.

    In between it removes every `DELETED_POLL_S` seconds what users have deleted. It has its own
    thread because cleaning may take hours, and lost runs have to be ended within seconds. After
    each batch it pauses for as long as the batch took, so that half of the time nothing waits for
    it.
    """

    name, due, interval_s = "retention", "old records", DELETED_POLL_S
    end_s = 5.0  # for the current batch

    def __init__(self) -> None:
        super().__init__()
        self._cleans_at = 0.0  # monotonic

    def run_once(self) -> None:
        try:
            if time.monotonic() < self._cleans_at:
                removal.remove_deleted(self._throttle)
            else:
                self._cleans_at = time.monotonic() + CLEANING_INTERVAL_S
                self._clean()
        except Stopped:
            self._over.set()

    def _clean(self) -> None:
        try:
            clean(self._throttle)
        finally:
            connection.close()

    def _throttle(self, took_s: float) -> None:
        if self._over.wait(took_s):
            raise Stopped


class WorkspaceCleaning(PeriodicThread):
    """Removes old workspaces at its start and then once an hour, on a thread of each worker, whose
    machine may have no scheduler.
    """

    name, due, interval_s = "workspaces", "old workspaces", CLEANING_INTERVAL_S

    def start(self) -> None:
        self._between_forks = lock_between_forks()
        super().start()

    def run_once(self) -> None:
        try:
            workspace_removal.remove_old(guard=self._between_forks)
        finally:
            connection.close()


def clean(throttle: Throttle = no_throttle) -> None:
    """Remove what is older than the retention times in the settings, and what users deleted."""
    removal.remove_deleted(throttle)
    workspace_removal.remove_old(throttle)
    _remove_old_runs(throttle)
    cleaning.send(sender=None, throttle=throttle)


def _remove_old_runs(throttle: Throttle) -> None:
    if not settings.RUNS_RETENTION_DAYS:
        return
    oldest = Now() - timedelta(days=settings.RUNS_RETENTION_DAYS)
    old = Run.objects.filter(status__in=Run.TERMINAL, ended_at__lt=oldest)
    if removed := removal.remove_all(old.order_by("ended_at"), throttle):
        logger.info(
            "Removed %d runs that had ended before %g days", removed, settings.RUNS_RETENTION_DAYS
        )
