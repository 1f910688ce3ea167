from django.db import models


class Fence(models.Model):
    """The only attempt of a run that may write events, to the run's stream and to others.

    It has its own row. Writers take a shared lock of it, and only a new attempt takes an exclusive
    one, so the writers of an attempt do not wait for each other.
    """

    stream = models.OneToOneField("realtime.Stream", on_delete=models.CASCADE, primary_key=True)
    attempt = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.stream_id}: attempt {self.attempt}"
