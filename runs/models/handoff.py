from django.db import models

from crews.tracking import TrackedModel, TrackedQuerySet


class HandoffQuerySet(TrackedQuerySet):
    organization_path = "run__crew__organization"
    deletable = ("run__", "run__crew__")
    is_large_table = True


class Handoff(TrackedModel):
    """An agent of a run handed over to another. Create emits ``handoff``. It never changes."""

    run = models.ForeignKey(
        "runs.Run", on_delete=models.CASCADE, related_name="handoffs", db_index=False
    )
    from_agent_id = models.SlugField(max_length=50, db_index=False)
    to_agent_id = models.SlugField(max_length=50, db_index=False)
    message = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    objects = HandoffQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["id"]
        indexes = [models.Index(fields=["run", "-id"], name="handoff_of_run")]

    def __str__(self) -> str:
        return f"{self.from_agent_id} to {self.to_agent_id}"
