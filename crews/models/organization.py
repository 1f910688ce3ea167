from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from crews.models.deletable import Deletable
from crews.tracking import TrackedModel, TrackedQuerySet


class OrganizationQuerySet(TrackedQuerySet):
    organization_path = "pk"
    deletable = ("",)


class Organization(TrackedModel, Deletable):
    """A tenant. Data of one organization never reaches a member of another."""

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
    reports_create = models.BooleanField(
        "reports create crews and agents",
        default=True,
        db_default=True,
        help_text="Programs that report runs may name crews and agents that are not there yet.",
    )
    keeps_model_text = models.BooleanField(
        "text of model calls is stored",
        default=False,
        db_default=False,
        help_text="Programs that report runs may send the text that goes into and comes out of "
        "their models. Unless this is on, such text is dropped when it arrives.",
    )
    # The organization with the lowest number starts the next run. Only `runs.execution.run_queue`
    # writes it.
    turn = models.BigIntegerField(default=0, db_default=0, editable=False, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="crews.Membership", related_name="organizations"
    )

    UNREPORTED = frozenset({"turn"})

    objects = OrganizationQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
