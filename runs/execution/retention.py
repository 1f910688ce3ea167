"""Retention of workspaces and runs. Other modules clean up their records on ``cleaning``."""

import logging
import threading
import time
from datetime import timedelta

from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.db.models.functions import Now
from django.dispatch import Signal

from runs.execution import removal, workspace_removal
from runs.execution.background import Looking
from runs.execution.forks import lock_between_forks
from runs.execution.removal import Rest
from runs.models import Run

INTERVAL_S = 3600.0
SOON_S = 5.0  # interval of the query for what users have deleted
END_S = 5.0  # time that the current batch gets when the process ends

logger = logging.getLogger(__name__)

cleaning = Signal()  # sent after runs have been removed; receivers call ``rest`` after each batch


class Stopped(Exception):
    """The process ends. The next start continues the cleaning."""


class Housekeeping:
    """Cleans at its start and then once an hour, in a separate thread.

    In between it removes every `SOON_S` seconds what users have deleted. It has its own thread
    because cleaning may take hours, and lost runs have to be ended within seconds. After each batch
    it pauses for as long as the batch took, so that half of the time nothing waits for it.
    """

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the current batch. Do not call this in a signal handler."""
        self._over.set()
        self._thread.join(END_S)

    def _run(self) -> None:
        due = 0.0  # seconds, monotonic
        while not self._over.is_set():
            cleans = time.monotonic() >= due
            try:
                close_old_connections()
                if cleans:
                    due = time.monotonic() + INTERVAL_S
                    clean(self._rest)
                else:
                    removal.remove_deleted(self._rest)
            except Stopped:
                break
            except Error as error:
                logger.warning("Cleaning stopped, the database did not answer: %s", error)
            except Exception:
                logger.exception("Cleaning failed; it is tried again within the hour")
            if cleans:
                connection.close()
            self._over.wait(SOON_S)
        connection.close()

    def _rest(self, took_s: float) -> None:
        if self._over.wait(took_s):
            raise Stopped


class WorkspaceCleaning(Looking):
    """Removes old workspaces at its start and then once an hour, on a thread of each worker, whose
    machine may have no scheduler.
    """

    name, due, interval_s = "workspaces", "old workspaces", INTERVAL_S

    def start(self) -> None:
        self._between_forks = lock_between_forks()
        super().start()

    def look(self) -> None:
        try:
            workspace_removal.remove_old(guard=self._between_forks)
        finally:
            connection.close()


def no_rest(took_s: float) -> None:
    """Do not pause, for a caller that waits for the end."""


def clean(rest: Rest = no_rest) -> None:
    """Remove what is older than the retention times in the settings, and what users deleted."""
    removal.remove_deleted(rest)
    workspace_removal.remove_old(rest)
    _remove_old_runs(rest)
    cleaning.send(sender=None, rest=rest)


def _remove_old_runs(rest: Rest) -> None:
    if not settings.RUNS_RETENTION_DAYS:
        return
    oldest = Now() - timedelta(days=settings.RUNS_RETENTION_DAYS)
    old = Run.objects.filter(status__in=Run.TERMINAL, ended_at__lt=oldest)
    if removed := removal.remove_all(old.order_by("ended_at"), rest):
        logger.info(
            "Removed %d runs that had ended before %g days", removed, settings.RUNS_RETENTION_DAYS
        )
