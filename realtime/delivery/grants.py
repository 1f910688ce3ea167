"""The grants of users and API keys: what they may see. They are read for many at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth import get_user_model
from rest_framework_simplejwt.utils import get_md5_hash_password

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


def grants(user_ids: Iterable[int]) -> dict[int, Grant]:
    """Return what each of the users may see, in two queries."""
    users = {}
    organizations = defaultdict(set)
    administered = defaultdict(set)
    rows = get_user_model().objects.filter(pk__in=user_ids).annotate(watching=watching())
    for user in rows.values_list(
        "pk",
        "is_active",
        "password",
        "is_superuser",
        "watching__organization",
        "watching__role",
        named=True,
    ):
        users[user.pk] = user
        if user.watching__organization is not None:
            organizations[user.pk].add(user.watching__organization)
            if user.watching__role == Role.ADMIN:
                administered[user.pk].add(user.watching__organization)
    everywhere = {
        pk
        for pk, user in users.items()
        if reaches_everything(is_active=user.is_active, is_superuser=user.is_superuser)
    }
    crews = Crew.objects.not_deleted()
    if not everywhere:
        crews = crews.filter(organization__in=set().union(*organizations.values()))
    of_organization = defaultdict(set)
    for crew_id, organization_id in crews.values_list("pk", "organization"):
        of_organization[organization_id].add(crew_id)
    return {
        user.pk: Grant(
            active=user.is_active,
            credential=get_md5_hash_password(user.password),
            member=user.pk in everywhere or user.pk in organizations,
            administers=frozenset(administered[user.pk]),
            everywhere=user.pk in everywhere,
            crews={
                crew: organization
                for organization in (
                    of_organization if user.pk in everywhere else organizations[user.pk]
                )
                for crew in of_organization[organization]
            },
        )
        for user in users.values()
    }


def key_grants(digests: Iterable[str]) -> dict[Principal, Grant]:
    """Return what each of the valid API keys may see. Records the time of their last use."""
    keys = list(ApiKey.objects.valid().filter(digest__in=digests))
    ApiKey.objects.note_use(keys)
    watching_keys = [key for key in keys if key.allows(Scope.WATCH)]
    of_organization = defaultdict(dict)
    if watching_keys:
        crews = Crew.objects.not_deleted().filter(
            organization__in={key.organization_id for key in watching_keys}
        )
        for crew_id, organization_id in crews.values_list("pk", "organization"):
            of_organization[organization_id][crew_id] = organization_id
    return {
        key.digest: Grant(
            active=True,
            member=key.allows(Scope.WATCH),
            watches=key.allows(Scope.WATCH),
            reports=key.allows(Scope.REPORT),
            crews=of_organization[key.organization_id] if key in watching_keys else {},
        )
        for key in keys
    }
