"""Removes old deliveries together with other old data."""

from datetime import timedelta
from time import monotonic
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.dispatch import receiver

from runs.execution.retention import Rest, cleaning
from runs.notifications.models import Attempt, Delivery, Target

BATCH = 1_000


@receiver(cleaning)
def remove_old(rest: Rest, **kwargs: Any) -> None:
    """Remove deliveries that ended ``NOTIFICATIONS_RETENTION_DAYS`` ago; 0: none.

    A delivery that waits, but whose target was deleted, is removed whatever its age.
    """
    waiting = Delivery.objects.filter(status=Delivery.Status.PENDING)
    _remove(waiting.exclude(Exists(Target.objects.filter(pk=OuterRef("target")))), rest)
    if not settings.NOTIFICATIONS_RETENTION_DAYS:
        return
    oldest = Now() - timedelta(days=settings.NOTIFICATIONS_RETENTION_DAYS)
    old = Delivery.objects.filter(created_at__lt=oldest)
    _remove(old.exclude(status=Delivery.Status.PENDING), rest)


def _remove(deliveries: QuerySet[Delivery], rest: Rest) -> None:
    while found := list(deliveries.order_by("created_at").values_list("pk", flat=True)[:BATCH]):
        began = monotonic()
        Attempt.objects.filter(delivery__in=found).delete()
        Delivery.objects.filter(pk__in=found).delete()
        rest(monotonic() - began)
