"""Removes old deliveries together with other old data."""

from datetime import timedelta
from time import monotonic
from typing import Any

from django.conf import settings
from django.db.models.functions import Now
from django.dispatch import receiver

from runs.execution.retention import Rest, cleaning
from runs.notifications.models import Attempt, Delivery

BATCH = 1_000


@receiver(cleaning)
def remove_old(rest: Rest, **kwargs: Any) -> None:
    """Remove deliveries that ended ``NOTIFICATIONS_RETENTION_DAYS`` ago; 0: none."""
    if not settings.NOTIFICATIONS_RETENTION_DAYS:
        return
    oldest = Now() - timedelta(days=settings.NOTIFICATIONS_RETENTION_DAYS)
    old = Delivery.objects.filter(created_at__lt=oldest).exclude(status=Delivery.Status.PENDING)
    while found := list(old.order_by("created_at").values_list("pk", flat=True)[:BATCH]):
        began = monotonic()
        Attempt.objects.filter(delivery__in=found).delete()
        Delivery.objects.filter(pk__in=found).delete()
        rest(monotonic() - began)
