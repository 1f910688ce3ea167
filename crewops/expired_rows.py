"""Deletes expired rows of libraries together with other old data.

Without this, only a command of the library would delete them.
"""

from typing import Any

from django.contrib.sessions.models import Session
from django.dispatch import receiver
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from runs.execution.removal import Throttle, delete_in_batches
from runs.execution.retention import cleaning


@receiver(cleaning)
def clear_expired(throttle: Throttle, **kwargs: Any) -> None:
    """Delete sessions and used refresh tokens that have expired."""
    now = timezone.now()
    delete_in_batches(Session.objects.filter(expire_date__lt=now).order_by(), throttle)
    delete_in_batches(OutstandingToken.objects.filter(expires_at__lte=now).order_by(), throttle)
