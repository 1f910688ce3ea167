"""The sweep of the scheduler: it ends what no process ends any more.

It ends runs whose lease is over and approvals that are overdue, deletes lost workers, and sends
the messages of waiting runs again.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import takewhile

from django.db.models.functions import Now
from django.dispatch import Signal
from structlog.contextvars import bound_contextvars

from crews.outages import is_outage
from runs.execution import dispatch, presence
from runs.models import Approval, ReportedRun, Run, Worker

ANNOUNCE_AGAIN_AFTER = timedelta(seconds=15)
FORGET_WORKER_AFTER = timedelta(days=1)

# ``run``: its lease has expired. A receiver that ends it as its reports say returns True.
lease_expired_signal = Signal()

logger = logging.getLogger(__name__)


def sweep() -> dict[str, int]:
    """Do one sweep. Returns ``{"worker_lost": n, "announced_again": n}``, both numbers of runs."""
    # Ordered by a column of the status index. The model's own order, newest first, may make the
    # database scan all runs that ever existed.
    expired = Run.objects.lease_expired().select_related("crew").order_by("lease_until")
    lost = [_about(run, _end_lost) for run in expired]
    # Stops at the first message that the broker takes slowly or not at all.
    waiting = dispatch.waiting(longer_than=ANNOUNCE_AGAIN_AFTER).select_related("crew")
    waiting = waiting.order_by("announced_at", "created_at")
    announced = takewhile(lambda run: _about(run, dispatch.announce), waiting)
    done = {"worker_lost": sum(lost), "announced_again": sum(1 for _ in announced)}
    if done["announced_again"]:
        logger.warning("%d waiting runs were announced again", done["announced_again"])
    Worker.objects.filter(last_seen__lt=Now() - FORGET_WORKER_AFTER).delete()
    ReportedRun.objects.forget_ids()
    Approval.objects.expire_due()
    presence.refresh_all()
    return done


def _about(run: Run, act: Callable[[Run], bool]) -> bool:
    """Call ``act(run)`` with the run's ids on its log lines."""
    with bound_contextvars(**run.log_ids):
        return act(run)


def _end_lost(run: Run) -> bool:
    try:
        if _ends_as_reported(run):
            return False
        with run.locked():
            # Checked again under the lock: its worker may have renewed the lease or ended the run.
            if not Run.objects.lease_expired().filter(pk=run.pk).exists():
                return False
            reason, message = _loss(run)
            run.finish(Run.Status.FAILED, reason=reason, message=message)
    except Run.DoesNotExist:
        return False
    except Exception as error:
        if is_outage(error):  # the other runs could not be ended either
            raise
        logger.exception("Run %s, whose worker %s was lost, could not be ended", run.pk, run.worker)
        return False
    logger.warning("Run %s: %s %s was lost", run.pk, run.reason.removesuffix("_lost"), run.worker)
    return True


def _ends_as_reported(run: Run) -> bool:
    """Let receivers of `lease_expired_signal` end the run. Their defects must not keep it open."""
    ended = False
    # Django logs what a receiver raised.
    for _, result in lease_expired_signal.send_robust(Run, run=run):
        if isinstance(result, Exception) and is_outage(result):
            raise result
        ended = ended or result is True
    return ended


def _loss(run: Run) -> tuple[str, str]:
    """Return the reason and the message for a run whose lease has expired."""
    if not run.is_reported:
        return "worker_lost", f"Worker {run.worker} stopped answering, so the run was ended."
    silent = f"{run.reported.lease_s:g} s"
    message = f"The reporting program sent nothing for {silent}, so the run was ended."
    return "reporter_lost", message
