"""Old events are removed with what else is old."""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.dispatch import receiver
from django.utils import timezone

from realtime import log
from runs.retention import cleaning

logger = logging.getLogger(__name__)


@receiver(cleaning)
def prune(**kwargs: Any) -> None:
    """Delete the events older than ``EVENTS_RETENTION_DAYS``, where that is set."""
    if not settings.EVENTS_RETENTION_DAYS:
        return
    moment = timezone.now() - timedelta(days=settings.EVENTS_RETENTION_DAYS)
    if pruned := log.prune(older_than=moment):
        logger.info("Pruned %d events older than %g days", pruned, settings.EVENTS_RETENTION_DAYS)
