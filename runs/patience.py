"""Waiting for a database that restarts or is full of connections, so that a run outlives it."""

import logging
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


def patiently(write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``write`` returns, once the database takes it; raises its error after ``RUN_LEASE_S`` seconds.

    The connection may have broken after the commit and before its answer, so ``write`` is repeated
    although it has been done: it has to be a verb that this does not harm. Inside a transaction
    nothing can be repeated, and the error is raised at once.
    """
    deadline = time.monotonic() + settings.RUN_LEASE_S
    pause = FIRST_PAUSE_S
    while True:
        try:
            return write(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() + pause > deadline:
                raise
            logger.warning("The database did not answer, asking again in %.1f s: %s", pause, error)
            connection.close()
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
