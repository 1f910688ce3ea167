"""The scheduler's thread that sends due deliveries. Several schedulers share the work."""

import logging
import threading
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.conf import settings
from django.db import close_old_connections, connection
from structlog.contextvars import bound_contextvars

from crews.text import storable
from runs.execution.background import PeriodicThread
from runs.models import Approval
from runs.notifications import send_attempt
from runs.notifications.kinds import Kind
from runs.notifications.models import Attempt, Delivery
from runs.notifications.models.target import Target

THREADS = 8
PER_ORGANIZATION = 2  # at once, so that one with slow receivers leaves threads to the others
# Attempts an hour for each notification that a target may get: most fail while a receiver is down.
ATTEMPTS_PER_NOTIFICATION = 5
POSTPONED_FOR = timedelta(minutes=10)
FAULT = "CrewOps could not send it. The scheduler's log says why."

logger = logging.getLogger(__name__)


class Sender(PeriodicThread):
    """Checks for due deliveries once a second, and sends them with a few threads."""

    name = due = "notifications"

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._at_work: Counter[int] = Counter()  # deliveries of each organization
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="notify")

    def stop(self) -> None:
        super().stop()
        self._pool.shutdown(wait=False, cancel_futures=True)  # the rest is claimed again later

    def run_once(self) -> int:
        """Begin the due deliveries that have room. Returns how many were begun."""
        with self._lock:
            room = THREADS - self._at_work.total()
            busy = [of for of, number in self._at_work.items() if number >= PER_ORGANIZATION]
        begun = 0
        # One by one: each may take its organization's last place.
        while begun < room and (claimed := Delivery.objects.claim(1, busy=busy)):
            of = claimed[0].target.organization_id
            with self._lock:
                self._at_work[of] += 1
                if self._at_work[of] >= PER_ORGANIZATION:
                    busy.append(of)
            self._pool.submit(self._send, claimed[0])
            begun += 1
        return begun

    def _send(self, delivery: Delivery) -> None:
        of = delivery.target.organization_id
        try:
            close_old_connections()
            attempt(delivery)
        except Exception:  # claimed again when the claim has run out
            logger.exception("An attempt to deliver a notification could not be noted")
        finally:
            connection.close()  # the thread may not be needed again for long
            with self._lock:
                self._at_work[of] -= 1
                self._at_work += Counter()  # removes the keys whose count is zero


def send_due(limit: int = 100) -> int:
    """Send the due deliveries, one after the other. Returns the number of attempts."""
    done = 0
    while done < limit and (claimed := Delivery.objects.claim(1)):
        attempt(claimed[0])
        done += 1
    return done


def attempt(delivery: Delivery) -> None:
    """Make one attempt, and note its outcome."""
    if reason := _reason_not_to(delivery):
        delivery.suppress(reason)
        return
    recent = Attempt.objects.within_an_hour(delivery.target)
    if recent.arrived >= settings.NOTIFICATIONS_PER_HOUR:
        delivery.suppress(
            f"The target got {settings.NOTIFICATIONS_PER_HOUR} notifications within an hour "
            "(NOTIFICATIONS_PER_HOUR). Press Send again later."
        )
        return
    if recent.tried >= (most := ATTEMPTS_PER_NOTIFICATION * settings.NOTIFICATIONS_PER_HOUR):
        delivery.postpone(POSTPONED_FOR, f"There were {most} attempts for the target in an hour.")
        return
    began = time.monotonic()
    try:
        outcome = send_attempt.send(delivery)
    except Exception as error:  # a defect, which is noted so that it is not repeated for ever
        # Without the text of the error, which may have the address.
        where = "".join(traceback.format_tb(error.__traceback__))
        with bound_contextvars(**delivery.log_ids):
            logger.error("A notification could not be sent: %s\n%s", type(error).__name__, where)
        outcome = send_attempt.Outcome(FAULT)
    tried = Attempt(
        duration_s=time.monotonic() - began,
        code=outcome.code,
        error=storable(outcome.error[:300]),  # a receiver may have put anything into both
        reply=storable(outcome.reply[:300]),
    )
    if not outcome.error:
        delivery.note_delivered(tried)
        return
    delivery.note_failed(tried, for_good=outcome.for_good)
    with bound_contextvars(**delivery.log_ids):
        logger.warning("A notification did not arrive: %s", outcome.error)


def _reason_not_to(delivery: Delivery) -> str:
    """Why nothing is sent: things may have changed since the event."""
    target = delivery.target
    if not target.is_active or target.organization.deleted_at:
        return "The target is switched off."
    if target.owner and not target.owner.is_active:
        return f"The account of {target.owner} is deactivated."
    if target.owner and not Target.objects.visible_to(target.owner).filter(pk=target.pk).exists():
        return f"{target.owner} is no member of the organization any more."
    if delivery.event["type"] == Kind.APPROVAL and (reason := _undecidable(delivery)):
        return reason
    return ""


def _undecidable(delivery: Delivery) -> str:
    """Return why the target must not be asked for a decision any more, or ""."""
    pk = delivery.event["approval"]["id"]
    if not Approval.objects.unscoped().pending().filter(pk=pk).exists():
        return "The call does not wait any more."
    owner = delivery.target.owner
    if owner and not Approval.objects.decidable_by(owner).filter(pk=pk).exists():
        return f"{owner} may not decide about it any more."
    return ""
