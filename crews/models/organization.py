from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from crews.tracking import TrackedModel, TrackedQuerySet


class OrganizationQuerySet(TrackedQuerySet):
    organization_path = "pk"


class Organization(TrackedModel):
    """A tenant. Nothing of one organization ever reaches a member of another."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50, unique=True)
    max_active_runs = models.PositiveIntegerField(
        "runs at once",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How many runs of the organization may be running; more wait for a free place. "
        "Empty: the setting MAX_ACTIVE_RUNS_PER_ORGANIZATION.",
    )
    # The lowest is next to start a run; written by runs.turns alone.
    turn = models.BigIntegerField(default=0, db_default=0, editable=False, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="crews.Membership", related_name="organizations"
    )

    UNTOLD = frozenset({"turn"})

    objects = OrganizationQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
