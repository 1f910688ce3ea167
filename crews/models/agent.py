from django.db import models

from crews.tracking import TrackedModel, TrackedQuerySet

NAME_CHARS = 60  # a longer name in a report is cut


class AgentQuerySet(TrackedQuerySet):
    organization_path = "crew__organization"
    deletable = ("crew__",)


class Agent(TrackedModel):
    """A member of a crew. In the wire contract its ``agent_id`` is the slug."""

    crew = models.ForeignKey("crews.Crew", on_delete=models.CASCADE, related_name="agents")
    name = models.CharField(max_length=NAME_CHARS)
    slug = models.SlugField(max_length=50)
    role = models.CharField(max_length=100, blank=True)
    order = models.PositiveSmallIntegerField(default=0)

    objects = AgentQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["crew", "order", "slug"]
        constraints = [
            models.UniqueConstraint(
                fields=["crew", "slug"],
                name="agent_slug_unique",
                violation_error_message="The crew has an agent with this slug already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
