"""Removes old deliveries together with other old data."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.dispatch import receiver

from runs.execution.removal import Throttle, delete_in_batches
from runs.execution.retention import cleaning
from runs.notifications.models import Delivery, Target


@receiver(cleaning)
def remove_old(throttle: Throttle, **kwargs: Any) -> None:
    """Remove deliveries that ended ``NOTIFICATIONS_RETENTION_DAYS`` ago; 0: none.

    A delivery that waits, but whose target was deleted, is removed whatever its age.
    """
    waiting = Delivery.objects.filter(status=Delivery.Status.PENDING)
    orphans = waiting.exclude(Exists(Target.objects.filter(pk=OuterRef("target"))))
    delete_in_batches(orphans.order_by("created_at"), throttle)
    if not settings.NOTIFICATIONS_RETENTION_DAYS:
        return
    oldest = Now() - timedelta(days=settings.NOTIFICATIONS_RETENTION_DAYS)
    old = Delivery.objects.filter(created_at__lt=oldest).exclude(status=Delivery.Status.PENDING)
    delete_in_batches(old.order_by("created_at"), throttle)
