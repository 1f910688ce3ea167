import secrets

from django.db import models


def new_epoch() -> str:
    return secrets.token_hex(8)


class Stream(models.Model):
    """One gapless sequence of events."""

    name = models.CharField(max_length=60, primary_key=True)
    # A position is valid only in the epoch in which it was read.
    epoch = models.CharField(max_length=16, default=new_epoch)
    head = models.BigIntegerField(default=0)  # seq of the newest event
    floor = models.BigIntegerField(default=0)  # events up to this seq have been pruned
    closed_at = models.DateTimeField(null=True, blank=True)  # when its last event was appended

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(floor__gte=0, floor__lte=models.F("head")),
                name="stream_floor_within",
            ),
        ]

    def __str__(self) -> str:
        return self.name
