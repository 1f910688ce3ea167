"""API keys of an organization: how they are made and stored, and which are valid."""

import hashlib
import re
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from crews.compiled_queries import BindParam, Select
from crews.models.atomic_save import AtomicSave
from crews.models.organization import Organization
from crews.scoping import OwnedModel, ScopedQuerySet, User

START = "crewops_"
TEXT = re.compile(rf"{START}[A-Za-z0-9_-]{{43}}")  # 32 random bytes in base64
PREFIX_CHARS = len(START) + 6  # of a key's text, so that people can distinguish keys
LONGEST_DAYS = 3650  # the maximum for a key that expires
LAST_USED_S = 60  # seconds; precision of the time of last use


class Scope(models.TextChoices):
    """The actions that a key may perform in its organization. No scope includes another."""

    REPORT = "report", "Report: sends the events of runs, and follows these runs"
    WATCH = "watch", "Watch: reads crews, runs and events, and follows them on sockets"
    OPERATE = "operate", "Operate: starts, steers and retries runs, and sets schedules"


def validate_scopes(scopes: Any) -> None:
    if not isinstance(scopes, list) or not scopes or not set(scopes) <= set(Scope.values):
        raise ValidationError(f"Give at least one scope of: {', '.join(Scope.values)}.")


def digest_of(text: str) -> str:
    """The hash that is stored for a key.

    A key's text is random, so a fast hash is enough: 2^256 texts are too many to try.
    """
    return hashlib.sha256(text.encode()).hexdigest()


class ApiKeyQuerySet(ScopedQuerySet):
    deletable = ("organization__",)

    def visible_to(self, user: User) -> Self:
        """Only an organization's admins see its keys. Others do not see whether there are any."""
        return self.managed_by(user)

    def issue(
        self,
        *,
        organization: Organization,
        name: str,
        scopes: list[str],
        by: Any = None,
        expires_at: datetime | None = None,
    ) -> tuple["ApiKey", str]:
        """Create a key. Return it and its text, which is not stored. Raises ``ValidationError``."""
        text = START + secrets.token_urlsafe(32)
        key = self.model(
            organization=organization,
            name=name,
            scopes=[scope for scope in Scope.values if scope in scopes],
            created_by=by,
            expires_at=expires_at,
            prefix=text[:PREFIX_CHARS],
            digest=digest_of(text),
        )
        key.full_clean(exclude=["organization", "created_by", "digest"])
        key.save(force_insert=True)
        return key, text

    def valid(self, now: Any = None) -> Self:
        """Neither revoked nor expired, nor of an organization that was deleted."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=now or timezone.now())
        return self.not_deleted().filter(unexpired, revoked_at=None)

    def of_text(self, text: str) -> "ApiKey | None":
        """The valid key with this text, or ``None``."""
        if not TEXT.fullmatch(text):
            return None
        # The holder proves the right to the key by its text. The key itself determines the
        # organization.
        return VALID.first(digest=digest_of(text), now=timezone.now())

    def note_use(self, keys: list["ApiKey"]) -> None:
        """Record when the keys were last used, once a minute at most."""
        now = timezone.now()
        due = now - timedelta(seconds=LAST_USED_S)
        if used := [key.pk for key in keys if key.last_used_at is None or key.last_used_at <= due]:
            earlier = models.Q(last_used_at=None) | models.Q(last_used_at__lte=due)
            self.unscoped().filter(earlier, pk__in=used).update(last_used_at=now)


class ApiKey(AtomicSave, OwnedModel):
    """A program sends this to act for an organization. Shown once, stored as a hash."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        "crews.Organization", on_delete=models.CASCADE, related_name="api_keys"
    )
    name = models.CharField(max_length=100, help_text="What uses the key, for people.")
    prefix = models.CharField(max_length=PREFIX_CHARS, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(validators=[validate_scopes])
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True, default=None)
    revoked_at = models.DateTimeField(null=True, editable=False, default=None)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "-created_at", "id"]
        verbose_name = "API key"
        verbose_name_plural = "API keys"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def state(self) -> str:
        """``valid``, ``expired`` or ``revoked``."""
        if self.revoked_at:
            return "revoked"
        is_expired = self.expires_at is not None and self.expires_at <= timezone.now()
        return "expired" if is_expired else "valid"

    def allows(self, scope: str) -> bool:
        return scope in self.scopes

    def revoke(self) -> None:
        """Revoke the key at once and permanently. Harmless when repeated."""
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])


VALID = Select(
    lambda: (
        ApiKey.objects.unscoped()
        .valid(BindParam("now", models.DateTimeField()))
        .select_related("organization")
        .filter(digest=BindParam("digest", models.TextField()))
        .order_by()
    )
)
