"""Removes old fire times together with other old data, and what refers to removed runs."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now
from django.dispatch import receiver

from runs.execution.removal import Throttle, delete_in_batches, removing
from runs.execution.retention import cleaning
from runs.schedules.models import Fire

KEPT = timedelta(days=90)


@receiver(removing)
def forget_runs(runs: Collection[UUID], **kwargs: Any) -> None:
    Fire.objects.unscoped().filter(run__in=runs).update(run=None)


@receiver(cleaning)
def remove_old(throttle: Throttle, **kwargs: Any) -> None:
    """Remove fire times that were handled before `KEPT`."""
    old = Fire.objects.filter(created_at__lt=Now() - KEPT).exclude(outcome=Fire.Outcome.WAITING)
    delete_in_batches(old.order_by("created_at"), throttle)
