"""Threads of the scheduler besides its sweep. Apps above `runs` register theirs when they load."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from django.db import Error, close_old_connections, connection


class Background(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None:
        """End soon. The process does not wait for longer than a few seconds."""


class PeriodicThread(ABC):
    """Calls `run_once` repeatedly, on a thread with its own database connection.

    A call that fails is logged and repeated. ``name`` is the name of the thread. ``due`` names the
    work that waits meanwhile, for the log. ``end_s`` is the time that `run_once` gets to return
    when the process ends.
    """

    name: str
    due: str
    interval_s = 1.0
    end_s = 3.0

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the current work. Do not call this in a signal handler."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(self.end_s)

    @abstractmethod
    def run_once(self) -> object:
        """Do the work that is due. The result is ignored."""

    def _run(self) -> None:
        logger = logging.getLogger(type(self).__module__)
        while not self._over.is_set():
            try:
                close_old_connections()
                self.run_once()
            except Error as error:
                logger.warning(
                    "%s wait, the database did not answer: %s", self.due.capitalize(), error
                )
                connection.close()
            except Exception:
                logger.exception("%s failed; it is tried again", self.due.capitalize())
            self._over.wait(self.interval_s)
        connection.close()


_registered: list[Callable[[], Background]] = []


def register(make: Callable[[], Background]) -> None:
    _registered.append(make)


def make_registered() -> list[Background]:
    return [make() for make in _registered]
