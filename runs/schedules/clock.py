"""The scheduler's thread that fires schedules. Several schedulers share the work."""

import logging
import threading

from django.db import Error, close_old_connections, connection

from runs.schedules import firing

INTERVAL_S = 1.0
END_S = 3.0  # that a look gets when the process ends

logger = logging.getLogger(__name__)


class Clock:
    """Looks once a second for schedules that are due."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedules", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(END_S)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                close_old_connections()
                firing.start_waiting()
                firing.fire_due()
            except Error as error:
                logger.warning("Schedules wait, the database did not answer: %s", error)
                connection.close()
            except Exception:
                logger.exception("Looking for schedules failed; it is tried again")
            self._over.wait(INTERVAL_S)
        connection.close()
