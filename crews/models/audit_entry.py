from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, Self

from django.db import models

from crews.audit_actor import Actor, Way, current_actor
from crews.audit_protection import REFUSAL
from crews.models.organization import Organization
from crews.scoping import ScopedQuerySet, User

NAME_LIMIT = 200  # characters


class Kind(models.TextChoices):
    RUN_STARTED = "run.started", "Run started"
    RUN_RETRIED = "run.retried", "Run repeated"
    RUN_CANCELLED = "run.cancelled", "Run cancelled"
    RUN_PAUSED = "run.paused", "Run asked to pause"
    RUN_RESUMED = "run.resumed", "Run asked to resume"
    RUN_MESSAGED = "run.messaged", "Message sent to run"
    RUN_SHARED = "run.shared", "Run shared"
    RUN_UNSHARED = "run.unshared", "Run no longer shared"
    RUN_DELETED = "run.deleted", "Run deleted"

    APPROVAL_GIVEN = "approval.given", "Tool call approved"
    APPROVAL_DENIED = "approval.denied", "Tool call denied"

    CREW_CREATED = "crew.created", "Crew created"
    CREW_EDITED = "crew.edited", "Crew edited"
    CREW_ACTIVATED = "crew.activated", "Crew activated"
    CREW_DEACTIVATED = "crew.deactivated", "Crew deactivated"
    CREW_DELETED = "crew.deleted", "Crew deleted"

    AGENT_CREATED = "agent.created", "Agent created"
    AGENT_EDITED = "agent.edited", "Agent edited"
    AGENT_DELETED = "agent.deleted", "Agent deleted"

    TASK_CREATED = "task.created", "Task created"
    TASK_EDITED = "task.edited", "Task edited"
    TASK_DELETED = "task.deleted", "Task deleted"

    MEMBER_INVITED = "member.invited", "Member invited"
    MEMBER_ROLE_CHANGED = "member.role_changed", "Member's role changed"
    MEMBER_REMOVED = "member.removed", "Member removed"

    SECRET_CREATED = "secret.created", "Secret created"
    SECRET_EDITED = "secret.edited", "Secret edited"
    SECRET_REPLACED = "secret.replaced", "Secret replaced"
    SECRET_DELETED = "secret.deleted", "Secret deleted"

    APPROVAL_RULE_CREATED = "approval_rule.created", "Approval rule created"
    APPROVAL_RULE_EDITED = "approval_rule.edited", "Approval rule edited"
    APPROVAL_RULE_DELETED = "approval_rule.deleted", "Approval rule deleted"

    SCHEDULE_CREATED = "schedule.created", "Schedule created"
    SCHEDULE_EDITED = "schedule.edited", "Schedule edited"
    SCHEDULE_DELETED = "schedule.deleted", "Schedule deleted"

    API_KEY_ISSUED = "api_key.issued", "API key issued"
    API_KEY_EDITED = "api_key.edited", "API key edited"
    API_KEY_REVOKED = "api_key.revoked", "API key revoked"
    API_KEY_DELETED = "api_key.deleted", "API key deleted"

    NOTIFICATION_CREATED = "notification.created", "Notification target created"
    NOTIFICATION_EDITED = "notification.edited", "Notification target edited"
    NOTIFICATION_ADDRESSED = "notification.addressed", "Notification target's address replaced"
    NOTIFICATION_DELETED = "notification.deleted", "Notification target deleted"

    ORGANIZATION_CREATED = "organization.created", "Organization created"
    ORGANIZATION_EDITED = "organization.edited", "Organization edited"
    ORGANIZATION_DELETED = "organization.deleted", "Organization deleted"

    USER_CREATED = "user.created", "User created"
    USER_EDITED = "user.edited", "User edited"
    USER_ACTIVATED = "user.activated", "User activated"
    USER_DEACTIVATED = "user.deactivated", "User deactivated"
    USER_PASSWORD_CHANGED = "user.password_changed", "Password changed"
    USER_MADE_SUPERUSER = "user.made_superuser", "Superuser rights given"
    USER_MADE_ORDINARY = "user.made_ordinary", "Superuser rights taken"
    USER_DELETED = "user.deleted", "User deleted"

    SIGNED_IN = "sign_in.succeeded", "Signed in"
    SIGN_IN_FAILED = "sign_in.failed", "Sign-in failed"
    UNLOCKED = "sign_in.unlocked", "Sign-in unlocked"
    TOKEN_ISSUED = "token.issued", "Token issued"

    TRAIL_PRUNED = "trail.pruned", "Old entries removed"


def kinds() -> list[tuple[str, str]]:
    """The choices of ``kind``. A function, so that a new kind needs no migration."""
    return Kind.choices


class AuditEntryQuerySet(ScopedQuerySet):
    """Adds and reads. The database refuses everything else; these methods refuse it before."""

    organization_path = "organization_id"
    is_large_table = True

    def visible_to(self, user: User) -> Self:
        """Admins read the trail of their organization.

        Entries without an organization are for superusers.
        """
        return self.managed_by(user)

    def record(
        self,
        kind: Kind,
        *,
        about: models.Model | None = None,
        name: str = "",
        organization: Organization | None = None,
        changes: Mapping[str, tuple[Any, Any]] | None = None,
        actor: Actor | None = None,
    ) -> "AuditEntry":
        """Add an entry. Call this in the transaction that makes the change.

        ``changes``: ``{field: (before, after)}`` with values that JSON knows, without secrets.
        ``name`` replaces ``str(about)``; ``actor`` replaces the current actor.
        """
        actor = actor or current_actor()
        entry = self._entry(kind, actor, about, organization, name=name, changes=changes)
        entry.save(using=self.db)
        return entry

    def record_all(
        self, kind: Kind, about: Iterable[tuple[models.Model, Organization]]
    ) -> list["AuditEntry"]:
        """Add an entry about each record, with its organization, in few statements."""
        actor = current_actor()
        return self.bulk_create(self._entry(kind, actor, *each) for each in about)

    def _entry(
        self,
        kind: Kind,
        actor: Actor,
        about: models.Model | None,
        organization: Organization | None,
        *,
        name: str = "",
        changes: Mapping[str, tuple[Any, Any]] | None = None,
    ) -> "AuditEntry":
        return self.model(
            kind=kind,
            way=actor.way,
            address=actor.address,
            actor_id=actor.user_id,
            actor_name=actor.name[:NAME_LIMIT],
            organization_id=organization and organization.pk,
            organization_name=organization.name if organization else "",
            object_type=about._meta.label_lower if about else "",
            object_id=str(about.pk) if about else "",
            object_name=(name or str(about))[:NAME_LIMIT],
            changes=changes or {},
        )

    def update(self, **kwargs: Any) -> NoReturn:
        _refuse()

    def delete(self) -> NoReturn:
        _refuse()

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse()


class AuditEntry(models.Model):
    """Who did what, when and how.

    It has no foreign keys. It keeps names as text, so it stays complete when users and objects are
    deleted.
    """

    created_at = models.DateTimeField("when", auto_now_add=True)
    kind = models.CharField("what", max_length=40, choices=kinds)
    way = models.CharField(max_length=10, choices=Way)
    address = models.CharField(max_length=45, blank=True)  # IPv4 or IPv6, of the request
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField("who", max_length=NAME_LIMIT, blank=True)
    organization_id = models.BigIntegerField(null=True)
    organization_name = models.CharField("organization", max_length=100, blank=True)
    object_type = models.CharField(max_length=50, blank=True)  # app.model
    object_id = models.CharField(max_length=36, blank=True)
    object_name = models.CharField("object", max_length=NAME_LIMIT, blank=True)
    changes = models.JSONField(default=dict)  # {field: [before, after]}

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"  # so that no other manager offers update()
        ordering = ["-created_at", "-id"]
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="audit_newest"),
            models.Index(fields=["organization_id", "-created_at"], name="audit_of_organization"),
            models.Index(fields=["kind", "-created_at"], name="audit_of_kind"),
            models.Index(fields=["actor_id", "-created_at"], name="audit_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.object_name}".removesuffix(": ")

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            _refuse()
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse()


def _refuse() -> NoReturn:
    raise TypeError(REFUSAL)
