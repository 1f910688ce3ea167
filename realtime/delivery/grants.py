"""The grants of users and API keys: what they may see. They are read for many at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import BigIntegerField, F
from rest_framework_simplejwt.utils import get_md5_hash_password

from crews.compiled_queries import AnyOf, BindList, Select
from crews.models import ApiKey, Crew
from crews.models.api_key import Scope
from crews.models.membership import Role
from crews.scoping import reaches_everything, watching

Principal = int | str | None  # a user's id, the digest of an API key, or None if not signed in


@dataclass(frozen=True, slots=True)
class Grant:
    """The current access of one user or API key: ``crews``, each with its organization.

    ``administers`` are the organizations where the user is an admin, ``everywhere`` says that these
    are all. ``credential`` is a hash of the password hash, as tokens contain it; it changes with
    the password. A ``member`` belongs to an organization, perhaps one without crews.
    """

    active: bool = False
    credential: str = ""
    member: bool = False
    crews: Mapping[UUID, int] = field(default_factory=dict)
    watches: bool = True  # False for an API key without the scope watch
    administers: frozenset[int] = frozenset()
    everywhere: bool = False
    reports: bool = False  # True for an API key with the scope report: it follows its own runs


NOTHING = Grant()

# These are sent once a second, and for each socket that opens.
USERS = Select(
    lambda: (
        get_user_model()
        .objects.filter(AnyOf(F("pk"), BindList("users", BigIntegerField())))
        .annotate(watching=watching())
        .values_list(
            "pk",
            "is_active",
            "password",
            "is_superuser",
            "watching__organization",
            "watching__role",
        )
    )
)
ALL_CREWS = Select(lambda: Crew.objects.not_deleted().values_list("pk", "organization"))
CREWS = Select(
    lambda: (
        Crew.objects.not_deleted()
        .filter(AnyOf(F("organization"), BindList("organizations", BigIntegerField())))
        .values_list("pk", "organization")
    )
)


def grants(user_ids: Iterable[int]) -> dict[int, Grant]:
    """Return what each of the users may see, in two queries."""
    found = {}
    organizations = defaultdict(set)
    administered = defaultdict(set)
    for pk, is_active, password, is_superuser, organization, role in USERS.rows(users=user_ids):
        everywhere = reaches_everything(is_active=is_active, is_superuser=is_superuser)
        found[pk] = (is_active, password, everywhere)
        if organization is not None:
            organizations[pk].add(organization)
            if role == Role.ADMIN:
                administered[pk].add(organization)
    reaches_all = any(everywhere for _, _, everywhere in found.values())
    crews = _crews(None if reaches_all else set().union(*organizations.values()))
    return {
        pk: Grant(
            active=is_active,
            credential=get_md5_hash_password(password),
            member=everywhere or pk in organizations,
            administers=frozenset(administered[pk]),
            everywhere=everywhere,
            crews={
                crew: organization
                for organization in (crews if everywhere else organizations[pk])
                for crew in crews.get(organization, ())
            },
        )
        for pk, (is_active, password, everywhere) in found.items()
    }


def key_grants(digests: Iterable[str]) -> dict[Principal, Grant]:
    """Return what each of the valid API keys may see. Records the time of their last use."""
    keys = list(ApiKey.objects.valid().filter(digest__in=digests))
    ApiKey.objects.note_use(keys)
    crews = _crews({key.organization_id for key in keys if key.allows(Scope.WATCH)})
    return {
        key.digest: Grant(
            active=True,
            member=key.allows(Scope.WATCH),
            watches=key.allows(Scope.WATCH),
            reports=key.allows(Scope.REPORT),
            crews=(
                dict.fromkeys(crews.get(key.organization_id, ()), key.organization_id)
                if key.allows(Scope.WATCH)
                else {}
            ),
        )
        for key in keys
    }


def _crews(organizations: set[int] | None) -> dict[int, list[UUID]]:
    """The crews of each of the organizations, or of all."""
    found = defaultdict(list)
    if organizations is None:
        rows = ALL_CREWS.rows()
    else:
        rows = CREWS.rows(organizations=organizations) if organizations else []
    for crew_id, organization_id in rows:
        found[organization_id].append(crew_id)
    return dict(found)
