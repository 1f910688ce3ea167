from django.conf import settings
from django.db import models

from crews.tracking import TrackedModel, TrackedQuerySet


class OrganizationQuerySet(TrackedQuerySet):
    organization_path = "pk"


class Organization(TrackedModel):
    """A tenant. Nothing of one organization ever reaches a member of another."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="crews.Membership", related_name="organizations"
    )

    objects = OrganizationQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
