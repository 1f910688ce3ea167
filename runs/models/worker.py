from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class WorkerQuerySet(models.QuerySet):
    def alive(self) -> Self:
        """Workers seen in the last ``WORKER_ALIVE_S`` seconds, by the database's clock."""
        return self.filter(last_seen__gte=Now() - timedelta(seconds=settings.WORKER_ALIVE_S))

    def beat(self, name: str, *, tier: str = "", slots: int = 0) -> None:
        """Record that the worker is alive now, its tools' isolation, and how many runs at once."""
        facts = {"last_seen": Now(), "tier": tier, "slots": slots}
        self.update_or_create(name=name, defaults=facts)


class Worker(models.Model):
    """A process that executes runs, known by its heartbeat. It belongs to no organization."""

    name = models.CharField(max_length=200, primary_key=True)
    last_seen = models.DateTimeField()
    tier = models.CharField(max_length=20, blank=True)  # isolation of its tools: see runs.tools.box
    slots = models.PositiveIntegerField(default=0, db_default=0)  # runs that it executes at once

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
