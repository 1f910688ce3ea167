"""What is kept for how long: workspaces, runs, and by way of ``cleaning`` what others keep about them."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.db.models.functions import Now
from django.dispatch import Signal

from runs import removal, workspaces
from runs.models import Run

INTERVAL_S = 3600.0
END_S = 5.0  # what a batch under way gets when the process ends

logger = logging.getLogger(__name__)

# Called after each batch, with the seconds it took; what it raises ends the cleaning.
Rest = Callable[[float], None]

cleaning = Signal()  # sent once runs have been removed; ``rest`` is called after each batch


class Stopped(Exception):
    """The process ends, and the cleaning goes on next time."""


class Housekeeping:
    """Cleans when it is started and then once an hour, in a thread of its own.

    What is cleaned may take hours, and lost runs are to be ended within seconds. After each batch it
    rests for as long as that took, so that half of the time nobody waits for it.
    """

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the batch under way; not for the handler of a signal."""
        self._over.set()
        self._thread.join(END_S)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                close_old_connections()
                clean(self._rest)
            except Stopped:
                break
            except Error as error:
                logger.warning("Cleaning stopped, the database did not answer: %s", error)
            except Exception:
                logger.exception("Cleaning failed; it is tried again in an hour")
            connection.close()
            self._over.wait(INTERVAL_S)
        connection.close()

    def _rest(self, took_s: float) -> None:
        if self._over.wait(took_s):
            raise Stopped


def no_rest(took_s: float) -> None:
    """For who waits for the end."""


def clean(rest: Rest = no_rest) -> None:
    """Remove what has been kept for as long as the settings say."""
    workspaces.remove_old(rest)
    _remove_old_runs(rest)
    cleaning.send(sender=None, rest=rest)


def _remove_old_runs(rest: Rest) -> None:
    if not settings.RUNS_RETENTION_DAYS:
        return
    oldest = Now() - timedelta(days=settings.RUNS_RETENTION_DAYS)
    old = Run.objects.filter(status__in=Run.TERMINAL, ended_at__lt=oldest)
    removed = 0
    for batch in removal.batches(old):
        began = time.monotonic()
        removed += removal.remove(batch)
        rest(time.monotonic() - began)
    if removed:
        logger.info(
            "Removed %d runs that had ended before %g days", removed, settings.RUNS_RETENTION_DAYS
        )
