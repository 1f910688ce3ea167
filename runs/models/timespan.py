from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

MAX_CLOCK_SKEW = timedelta(seconds=2)  # between hosts that write about one run


class TimeSpan(models.Model):
    """Adds the times of start and end."""

    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    as_of: datetime | None = None  # of a row in a past state: until when its duration counts

    class Meta:
        abstract = True

    @property
    def duration_s(self) -> float:
        """Seconds from start to end, or until now; 0 if it never started. Never negative."""
        return seconds_between(self.started_at, self.ended_at or self.as_of)


def seconds_between(started_at: datetime | None, ended_at: datetime | None) -> float:
    """The same as `TimeSpan.duration_s`."""
    if not started_at:
        return 0.0
    elapsed = (ended_at or timezone.now()) - started_at
    return round(max(elapsed, timedelta()).total_seconds(), 3)
