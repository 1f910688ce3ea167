"""Ends what nobody carries on with: one sweep over runs and workers."""

import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import takewhile

from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from structlog.contextvars import bound_contextvars

from runs import dispatch, presence
from runs.models import Run, Worker

ANNOUNCE_AGAIN_AFTER = timedelta(seconds=15)
FORGET_WORKER_AFTER = timedelta(days=1)

logger = logging.getLogger(__name__)


def sweep() -> dict[str, int]:
    """One sweep. Returns how many runs were ended as ``worker_lost`` and how many announced again."""
    # Ordered by what the index on the status has at hand: the model's own order, the newest first,
    # may lead the database through all runs that ever were.
    expired = Run.objects.lease_expired().select_related("crew").order_by("lease_until")
    lost = [_about(run, _end_lost) for run in expired]
    # A broker that takes one message slowly or not at all is not asked to take the others.
    waiting = Run.objects.waiting(longer_than=ANNOUNCE_AGAIN_AFTER).select_related("crew")
    waiting = waiting.order_by("announced_at", "created_at")
    rung = takewhile(lambda run: _about(run, dispatch.ring), waiting)
    done = {"worker_lost": sum(lost), "announced_again": sum(1 for _ in rung)}
    if done["announced_again"]:
        logger.warning("%d waiting runs were announced again", done["announced_again"])
    Worker.objects.filter(last_seen__lt=Now() - FORGET_WORKER_AFTER).delete()
    presence.refresh_all()
    return done


def _about(run: Run, act: Callable[[Run], bool]) -> bool:
    """``act``, with the run's ids on its log lines."""
    with bound_contextvars(**run.log_ids):
        return act(run)


def _end_lost(run: Run) -> bool:
    try:
        with run.locked():
            # Looked at again under the lock: its worker may have renewed or ended it meanwhile.
            if not Run.objects.lease_expired().filter(pk=run.pk).exists():
                return False
            run.finish(
                Run.Status.FAILED,
                reason="worker_lost",
                message=f"Worker {run.worker} stopped answering, so the run was ended.",
            )
    except Run.DoesNotExist:
        return False
    except (OperationalError, InterfaceError):  # of the others none could be ended either
        raise
    except Exception:
        logger.exception("Run %s, whose worker %s was lost, could not be ended", run.pk, run.worker)
        return False
    logger.warning("Run %s: worker %s was lost", run.pk, run.worker)
    return True
