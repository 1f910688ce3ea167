"""Adds new runs to the index jobs, and removes the job and documents of a run with the run."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.db.models.signals import post_save
from django.dispatch import receiver

from runs.execution.removal import removing
from runs.models import Run
from runs.search.indexing import DELAY_S
from runs.search.models import Document, IndexJob


@receiver(post_save, sender=Run)
def run_saved(instance: Run, created: bool, raw: bool, **kwargs: Any) -> None:
    if created and not raw:
        soon = Now() + timedelta(seconds=DELAY_S)
        IndexJob.objects.unscoped().create(run=instance, due_at=soon)


@receiver(removing)
def remove_documents(runs: Collection[UUID], **kwargs: Any) -> None:
    for model in (IndexJob, Document):
        rows: QuerySet = model.objects.unscoped().filter(run__in=runs).order_by()
        rows._raw_delete(rows.db)
