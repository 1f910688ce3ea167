"""Handing runs to the workers. The message carries a run's id and is only a doorbell."""

import logging
import os
from functools import cache

from celery import current_app
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import ProducerPool
from structlog.contextvars import get_contextvars

from runs.models import Run

# How long the broker may take to be connected to, and to answer. Somebody waits for their request,
# and the reaper rings again: so nothing is tried twice here.
TIMEOUT_S = 0.25
PRODUCERS = 10  # threads that ring at once, each with a connection of its own

logger = logging.getLogger(__name__)


def ring(run: Run) -> bool:
    """Tell the workers of a queued run. Whether the broker took it; else the reaper rings again."""
    from runs.tasks import execute_run

    try:
        asked_by = {"request_id": get_contextvars().get("request_id")}
        with _producers(os.getpid()).acquire(block=True, timeout=TIMEOUT_S) as producer:
            execute_run.apply_async([str(run.pk)], producer=producer, retry=False, headers=asked_by)
    except (OperationalError, LimitExceeded) as error:
        logger.warning("Run %s waits: the broker did not take its message (%s)", run.pk, error)
        return False
    Run.objects.note_announced(run)
    return True


@cache
def _producers(pid: int) -> ProducerPool:
    """Connections of this process: those of a parent cannot be shared, and a worker's wait longer."""
    options = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, "max_retries": 0}
    return ProducerPool(
        connections=current_app.connection_for_write(transport_options=options).Pool(PRODUCERS),
        limit=PRODUCERS,
    )
