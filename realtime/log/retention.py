"""Deletes old events in each cleaning, and a run's events with the run."""

import logging
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.dispatch import receiver
from django.utils import timezone

from realtime import log
from realtime.log import pruning, streams
from runs.execution.removal import Throttle, emptying, removing
from runs.execution.retention import cleaning

logger = logging.getLogger(__name__)


@receiver(cleaning)
def prune(throttle: Throttle, **kwargs: Any) -> None:
    """Delete the events older than ``EVENTS_RETENTION_DAYS``, if it is set."""
    if not settings.EVENTS_RETENTION_DAYS:
        return
    moment = timezone.now() - timedelta(days=settings.EVENTS_RETENTION_DAYS)
    if pruned := pruning.prune(older_than=moment, throttle=throttle):
        logger.info("Pruned %d events older than %g days", pruned, settings.EVENTS_RETENTION_DAYS)


@receiver(removing)
def delete_streams(runs: Collection[UUID], **kwargs: Any) -> None:
    log.delete(*(streams.run(run) for run in runs))


@receiver(emptying)
def empty_stream(crew: UUID, throttle: Throttle, **kwargs: Any) -> None:
    """Delete the events in batches first: one transaction would have to delete millions."""
    pruning.empty(streams.graph(crew), throttle=throttle)
