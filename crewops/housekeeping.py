"""Deletes expired rows of libraries together with other old data.

Without this, only a command of the library would delete them.
"""

from time import monotonic
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.dispatch import receiver
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from runs.execution.retention import Rest, cleaning

BATCH = 1_000  # rows in one transaction


@receiver(cleaning)
def clear_expired(rest: Rest, **kwargs: Any) -> None:
    """Delete sessions and used refresh tokens that have expired."""
    now = timezone.now()
    _delete(Session.objects.filter(expire_date__lt=now), rest)
    _delete(OutstandingToken.objects.filter(expires_at__lte=now), rest)


def _delete(rows: QuerySet, rest: Rest) -> None:
    while found := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
        began = monotonic()
        rows.model._default_manager.filter(pk__in=found).delete()
        rest(monotonic() - began)
