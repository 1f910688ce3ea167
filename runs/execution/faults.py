"""Handles processes that lose the run they work on, or fail because of an internal error."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from crews.outages import is_outage
from crews.tracking import InvalidState
from runs import metrics
from runs.execution.lease import LeaseLost
from runs.execution.retry_on_outage import retry_on_outage
from runs.models import Run

logger = logging.getLogger(__name__)


@contextmanager
def handled(run: Run, *, by_helper: bool = False) -> Iterator[None]:
    """Handle the exceptions that are raised within.

    An internal error ends the run, also for the process that holds it if this one is a helper.
    After an outage of the database nothing is written: the run is lost.
    """
    try:
        yield
    except (LeaseLost, InvalidState) as lost:
        # Another process has ended this run and has reported the end.
        metrics.LEASES_LOST.inc()
        whose = "its helper" if by_helper else "this worker"
        logger.warning("Run %s was taken away from %s: %s", run.pk, whose, lost)
    except Exception as error:
        if is_outage(error):
            logger.exception("Run %s was given up: the database did not answer", run.pk)
            return  # the scheduler ends it as lost when its lease has expired
        logger.exception("Run %s failed because of an internal error", run.pk)
        if by_helper:
            run.held_attempt = None  # so that the end takes the run away from its worker
        retry_on_outage(
            run.finish,
            Run.Status.FAILED,
            reason="internal_error",
            message="CrewOps failed while carrying out the run; the worker's log says how.",
        )
