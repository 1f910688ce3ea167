from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models.functions import Now

ALIVE_S = 15.0  # a web process reports at least every 10 s


class ProcessReportQuerySet(models.QuerySet):
    def alive(self) -> Self:
        """Reports of web processes that run, by the database's clock."""
        return self.filter(reported_at__gte=Now() - timedelta(seconds=ALIVE_S))


class ProcessReport(models.Model):
    """The counts of one web process, for the monitoring page.

    ``recent`` and ``totals`` are objects: a key for each organization's id, and ``all``. `recent`
    is of the last ``recent_s`` seconds, ``totals`` since ``began``, both times of the process's
    clock.
    """

    name = models.CharField(max_length=40, primary_key=True)
    reported_at = models.DateTimeField()
    began = models.FloatField()  # seconds since the epoch
    at = models.FloatField()  # when ``recent`` was counted
    recent_s = models.FloatField()
    recent = models.JSONField(default=dict)
    totals_at = models.FloatField(default=0)
    totals = models.JSONField(default=dict)
    has_redis = models.BooleanField(null=True)  # null: it has not needed Redis

    objects = ProcessReportQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
