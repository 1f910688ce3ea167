from django.db import models


class Checkpoint(models.Model):
    """A run's state after some of its events, so that a later state is computed from a few events.

    Everything in it follows from the log: it may be deleted, and is then made again.
    """

    stream = models.ForeignKey(  # of the run
        "realtime.Stream", on_delete=models.CASCADE, related_name="checkpoints", db_index=False
    )
    number = models.PositiveIntegerField()
    at = models.CharField(max_length=27)  # time of the last event
    run_seq = models.BigIntegerField()  # the last event of the run's stream
    graph_seq = models.BigIntegerField()  # the last event of the crew's graph stream
    is_end = models.BooleanField(default=False)  # the run has no event after these
    state = models.BinaryField()  # a `CrewState`: compressed JSON
    marks = models.JSONField(default=list)  # since the checkpoint before: [time, kind, label]

    class Meta:
        ordering = ["stream", "number"]
        constraints = [
            models.UniqueConstraint(fields=["stream", "number"], name="checkpoint_once"),
        ]

    def __str__(self) -> str:
        return f"{self.stream_id} at {self.at}"
