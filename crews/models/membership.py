from django.conf import settings
from django.db import models

from crews.tracking import TrackedModel, TrackedQuerySet


class Role(models.TextChoices):
    """The rights of a member. Each role includes the ones before it."""

    VIEWER = "viewer", "Viewer: watches"
    OPERATOR = "operator", "Operator: also starts and cancels runs"
    ADMIN = "admin", "Admin: also edits crews and members"


class Membership(TrackedModel):
    """One user's role in one organization."""

    organization = models.ForeignKey(
        "crews.Organization", on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TrackedQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        abstract = False
        ordering = ["organization", "user"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user"],
                name="membership_unique",
                violation_error_message="This user is a member of the organization already.",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization} ({self.role})"
