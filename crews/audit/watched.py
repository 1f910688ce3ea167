"""The models whose changes are recorded, field by field, and the kind of each change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import ForeignKey, Model

from crews.models import Agent, ApiKey, ApprovalRule, Crew, Membership, Organization, Secret, Task
from crews.models.audit_entry import Kind
from crews.models.budget import BUDGET_FIELDS
from crews.scoping import unscoped
from crews.text import plain_number

VALUE_LIMIT = 300  # characters
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Watched:
    """A model's kinds of entries: for its creation, any other change, and its deletion.

    ``switches`` names fields whose change is an entry of its own kind: ``(on, off)``, or one kind
    twice. The values of ``hidden`` fields, each of which is a switch, are never recorded. The
    entries for creation and deletion leave ``optional`` fields out that have their defaults.
    """

    created: Kind
    edited: Kind
    deleted: Kind
    fields: tuple[str, ...]
    switches: Mapping[str, tuple[Kind, Kind]] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    organization: str = "crew.organization"  # path to it; empty: none
    deleted_with: tuple[type[Model], ...] = ()  # the entry for their deletion covers this one's


WATCHED: dict[type[Model], Watched] = {
    Organization: Watched(
        Kind.ORGANIZATION_CREATED,
        Kind.ORGANIZATION_EDITED,
        Kind.ORGANIZATION_DELETED,
        fields=("name", "slug", "max_active_runs", "reports_create", "keeps_model_text"),
        organization="self",
    ),
    Membership: Watched(
        Kind.MEMBER_INVITED,
        Kind.MEMBER_ROLE_CHANGED,
        Kind.MEMBER_REMOVED,
        fields=("role",),
        organization="organization",
    ),
    Crew: Watched(
        Kind.CREW_CREATED,
        Kind.CREW_EDITED,
        Kind.CREW_DELETED,
        fields=(
            "name", "slug", "description", "is_active", "max_active_runs", "max_parallel",
            "own_directories", *BUDGET_FIELDS,
        ),
        switches={"is_active": (Kind.CREW_ACTIVATED, Kind.CREW_DEACTIVATED)},
        optional=frozenset({*BUDGET_FIELDS, "max_parallel", "own_directories"}),
        organization="organization",
    ),
    Agent: Watched(
        Kind.AGENT_CREATED,
        Kind.AGENT_EDITED,
        Kind.AGENT_DELETED,
        fields=("name", "slug", "role", "order"),
        deleted_with=(Crew, Organization),
    ),
    Task: Watched(
        Kind.TASK_CREATED,
        Kind.TASK_EDITED,
        Kind.TASK_DELETED,
        fields=("name", "agent", "order", "after", "continue_on_error", "steps"),
        deleted_with=(Crew, Organization),
    ),
    Secret: Watched(
        Kind.SECRET_CREATED,
        Kind.SECRET_EDITED,
        Kind.SECRET_DELETED,
        fields=("name", "host", "username", "sealed"),
        switches={"sealed": (Kind.SECRET_REPLACED, Kind.SECRET_REPLACED)},
        hidden=frozenset({"sealed"}),
        organization="organization",
    ),
    ApprovalRule: Watched(
        Kind.APPROVAL_RULE_CREATED,
        Kind.APPROVAL_RULE_EDITED,
        Kind.APPROVAL_RULE_DELETED,
        fields=(
            "crew", "tool", "params", "agent_id", "is_enabled", "expires_after_s", "admins_only",
        ),
        organization="organization",
        deleted_with=(Crew, Organization),
    ),
    ApiKey: Watched(
        Kind.API_KEY_ISSUED,
        Kind.API_KEY_EDITED,
        Kind.API_KEY_DELETED,
        fields=("name", "prefix", "scopes", "expires_at", "revoked_at"),
        switches={"revoked_at": (Kind.API_KEY_REVOKED, Kind.API_KEY_EDITED)},
        organization="organization",
    ),
    get_user_model(): Watched(
        Kind.USER_CREATED,
        Kind.USER_EDITED,
        Kind.USER_DELETED,
        fields=(
            "username", "first_name", "last_name", "email",
            "is_active", "is_staff", "is_superuser", "password",
        ),
        switches={
            "is_active": (Kind.USER_ACTIVATED, Kind.USER_DEACTIVATED),
            "is_superuser": (Kind.USER_MADE_SUPERUSER, Kind.USER_MADE_ORDINARY),
            "password": (Kind.USER_PASSWORD_CHANGED, Kind.USER_PASSWORD_CHANGED),
        },
        hidden=frozenset({"password"}),
        organization="",
    ),
}  # fmt: skip


def organization_of(record: Model, watched: Watched) -> Organization | None:
    if watched.organization == "self":
        return record
    for step in filter(None, watched.organization.split(".")):
        record = getattr(record, step)
    return record if watched.organization else None


def values_of(record: Model, names: tuple[str, ...]) -> Values:
    """The stored values, for comparison."""
    return {name: getattr(record, record._meta.get_field(name).attname) for name in names}


def is_left_out(record: Model, name: str) -> bool:
    """Whether the entries for creation and deletion leave the field out."""
    is_optional = name in WATCHED[type(record)].optional
    return is_optional and getattr(record, name) == record._meta.get_field(name).get_default()


def shown(record: Model, name: str) -> Any:
    """The value as an entry shows it. Of steps only the tools: parameters may hold secrets."""
    value = getattr(record, name)
    if isinstance(record._meta.get_field(name), ForeignKey):
        value = str(value)
    elif isinstance(value, datetime):
        value = value.isoformat()
    elif isinstance(value, Decimal):
        value = plain_number(value)
    elif name in ("scopes", "kinds"):
        value = ", ".join(value)
    elif name == "after":
        with unscoped():  # of the record's own crew
            names = dict(record.crew.tasks.filter(pk__in=value).values_list("pk", "name"))
        value = ", ".join(names.get(UUID(pk), pk) for pk in value)
    elif name == "steps":
        value = ", ".join(str(step.get("tool")) for step in value)
    return value[:VALUE_LIMIT] if isinstance(value, str) else value
