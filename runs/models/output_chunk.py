from django.db import models

from crews.scoping import ScopedQuerySet


class OutputChunkQuerySet(ScopedQuerySet):
    organization_path = "execution__task_execution__run__crew__organization"
    deletable = ("execution__task_execution__run__", "execution__task_execution__run__crew__")


class OutputChunk(models.Model):
    """A piece of a tool's output. The pieces in the order of their offsets are the whole output."""

    execution = models.ForeignKey(
        "runs.ToolExecution", on_delete=models.CASCADE, related_name="output_chunks"
    )
    offset = models.PositiveIntegerField()  # characters before this piece
    text = models.TextField()

    objects = OutputChunkQuerySet.as_manager()

    class Meta:
        ordering = ["execution", "offset"]
        constraints = [
            models.UniqueConstraint(
                fields=["execution", "offset"], name="output_chunk_offset_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{len(self.text)} characters at {self.offset}"
