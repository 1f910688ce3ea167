from django.db import models


class Fence(models.Model):
    """The one attempt that may write in the name of a stream's owner, on that stream and on others.

    It is a row of its own, which every such write shares and only a change of attempt locks: so the
    writers of an attempt never wait for each other here.
    """

    stream = models.OneToOneField("realtime.Stream", on_delete=models.CASCADE, primary_key=True)
    attempt = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.stream_id}: attempt {self.attempt}"
