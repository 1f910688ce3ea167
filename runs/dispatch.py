"""Handing runs to the workers. The message carries a run's id and is only a doorbell."""

import logging

from kombu.exceptions import OperationalError
from structlog.contextvars import get_contextvars

from runs.models import Run

logger = logging.getLogger(__name__)


def ring(run: Run) -> bool:
    """Tell the workers of a queued run, and whether that worked; if not, the reaper rings again."""
    from runs.tasks import execute_run

    try:
        asked_by = get_contextvars().get("request_id")
        execute_run.apply_async([str(run.pk)], retry=False, headers={"request_id": asked_by})
    except OperationalError as error:
        logger.warning("Run %s waits: the broker did not take its message (%s)", run.pk, error)
        return False
    Run.objects.note_announced(run)
    return True
