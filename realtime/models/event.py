from django.db import models


class Event(models.Model):
    """One event, with the same JSON text that is published and sent."""

    pk = models.CompositePrimaryKey("stream_id", "seq")
    stream = models.ForeignKey(
        "realtime.Stream", on_delete=models.CASCADE, related_name="events", db_index=False
    )
    seq = models.BigIntegerField()
    type = models.CharField(max_length=20)
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["stream", "seq"]
        indexes = [models.Index(fields=["created_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["stream"], condition=models.Q(type="done"), name="event_one_done"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stream_id} #{self.seq} {self.type}"
