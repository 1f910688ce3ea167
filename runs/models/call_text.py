from django.db import models

from crews.scoping import ScopedQuerySet


class CallTextQuerySet(ScopedQuerySet):
    organization_path = "call__run__crew__organization"
    deletable = ("call__run__", "call__run__crew__")


class CallText(models.Model):
    """A piece of the text of a model call, redacted. In the order of their offsets, the pieces of
    a part are the whole text.
    """

    class Part(models.TextChoices):
        INPUT = "input", "Input"
        OUTPUT = "output", "Output"

    call = models.ForeignKey(
        "runs.ModelCall", on_delete=models.CASCADE, related_name="texts", db_index=False
    )
    part = models.CharField(max_length=6, choices=Part)
    offset = models.PositiveIntegerField()  # characters of the part before this piece
    text = models.TextField()

    objects = CallTextQuerySet.as_manager()

    class Meta:
        ordering = ["call", "part", "offset"]
        constraints = [
            models.UniqueConstraint(fields=["call", "part", "offset"], name="call_text_unique"),
        ]

    def __str__(self) -> str:
        return f"{len(self.text)} characters of {self.part} at {self.offset}"
