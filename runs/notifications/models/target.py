import uuid
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from crews import sealing
from crews.digests import digest
from crews.models import Crew, Organization
from crews.models.atomic_save import AtomicSave
from crews.models.sealed import SealedModel
from crews.scoping import WATCHING, OwnedModel, ScopedQuerySet, User
from runs.notifications import services, signing
from runs.notifications.kinds import Kind

TARGETS_OF_ORGANIZATION = 50
TARGETS_OF_PERSON = 10  # in one organization


class OwnedQuerySet(ScopedQuerySet):
    """A target with an owner is for its owner alone; any other belongs to the organization."""

    owner_path = "owner"

    def _within(self, user: User, *roles: str) -> Self:
        rows = super()._within(user, *roles)
        if user.is_superuser:
            return rows
        own = super()._within(user, *WATCHING).filter(**{self.owner_path: user.pk})
        return rows.filter(**{self.owner_path: None}) | own


class TargetQuerySet(OwnedQuerySet):
    deletable = ("organization__",)

    def wanting(self, crew: Crew, kind: Kind, roles: tuple[str, ...] = WATCHING) -> list["Target"]:
        """The targets that are notified of this kind of event of the crew.

        Of a person's only if the person has one of the roles now.
        """
        members = crew.organization.memberships.filter(role__in=roles, user__is_active=True)
        superusers = Q(owner__is_superuser=True, owner__is_active=True)
        found = self.filter(organization=crew.organization_id, is_active=True).filter(
            Q(crew=None) | Q(crew=crew.pk),
            Q(owner=None) | Q(owner__in=members.values("user")) | superusers,
        )
        return [target for target in found.only("kinds") if kind in target.kinds]


class Target(SealedModel, AtomicSave, OwnedModel):
    """An address that gets notifications: of an organization, or of one of its members.

    The address often holds a token. It is stored encrypted and never shown again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        "crews.Organization", on_delete=models.CASCADE, related_name="notification_targets"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="notification_targets",
        help_text="Only for this person; empty: of the organization.",
    )
    name = models.CharField(max_length=100)
    service = models.CharField(max_length=20, choices=services.CHOICES)
    kinds = models.JSONField(default=list)
    crew = models.ForeignKey(
        "crews.Crew",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="notification_targets",
        help_text="Only the runs of this crew; empty: of every crew.",
    )
    is_active = models.BooleanField(default=True)
    sealed = models.TextField(editable=False)  # the address
    sealed_key = models.TextField(editable=False, blank=True)  # that signs webhooks
    shown = models.CharField(max_length=300, editable=False)  # the address without secrets
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    SEALED = ("sealed", "sealed_key")

    objects = TargetQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["organization", "is_active"], name="target_of_active")]

    def __str__(self) -> str:
        return self.name

    @property
    def log_ids(self) -> dict[str, str]:
        """The ids for log lines about the target."""
        return {"target_id": str(self.pk), "organization_id": str(self.organization_id)}

    @property
    def sealed_name(self) -> str:
        return f"{super().sealed_name} (notification target)"

    @property
    def kind_labels(self) -> list[str]:
        return [Kind(kind).label for kind in self.kinds if kind in Kind.values]

    @property
    def address(self) -> str:
        """Raises ``sealing.Unreadable``."""
        return sealing.unseal(self.sealed, bound_to=self._bound_to)

    @property
    def key(self) -> str:
        """The key that signs a webhook's messages. Raises ``sealing.Unreadable``."""
        return sealing.unseal(self.sealed_key, bound_to=f"{self._bound_to} key")

    def digest(self) -> str:
        """It changes whenever a user edits the target, its address included."""
        return digest([self.name, self.kinds, self.crew_id, self.is_active, self.sealed])

    def keep(self, address: str) -> str:
        """Encrypt the address, to be saved. Returns the new key of a webhook, for its owner.

        Raises ``services.InvalidAddress``. Another address always gets another key.
        """
        self.shown = services.check(self.service, address)[:300]
        self.sealed = sealing.seal(address.strip(), bound_to=self._bound_to)
        self.sealed_key, key = "", ""
        if self.service == services.WEBHOOK:
            key = signing.new_key()
            self.sealed_key = sealing.seal(key, bound_to=f"{self._bound_to} key")
        return key

    @property
    def _bound_to(self) -> str:
        return f"{self.organization_id} {self.pk} notifications"

    def get_absolute_url(self) -> str:
        return reverse("notification-target", args=[self.pk])


def refusal(organization: Organization, owner: Any) -> str:
    """Why the organization or the person cannot have another target; empty if they can."""
    limit = TARGETS_OF_PERSON if owner else TARGETS_OF_ORGANIZATION
    if organization.notification_targets.filter(owner=owner).count() < limit:
        return ""
    return f"There are {limit} targets already. Delete one of them first."
