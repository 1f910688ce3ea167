"""Retries while the database restarts or has no free connection, so that a run survives it."""

import logging
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import Error, connection

from crews.outages import is_outage

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


def retry_on_outage(write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``write`` until the database accepts it, and return its result.

    Raises the database's error after ``RUN_LEASE_S`` seconds. The connection may have failed after
    the commit and before the answer, so ``write`` may be repeated although it has succeeded: it
    must be idempotent. Inside a transaction nothing can be repeated, and the error is raised at
    once.
    """
    deadline = time.monotonic() + settings.RUN_LEASE_S
    pause = FIRST_PAUSE_S
    while True:
        try:
            return write(*args, **kwargs)
        except Error as error:
            is_over = connection.in_atomic_block or time.monotonic() + pause > deadline
            if is_over or not is_outage(error):
                raise
            logger.warning("The database did not answer, asking again in %.1f s: %s", pause, error)
            connection.close()
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
