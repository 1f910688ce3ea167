"""The ``request.user`` of a request with an API key."""

from collections.abc import Collection, Sequence

from crews.models import ApiKey

# A scope gives the rights of this role in the key's organization. No key has an admin's rights.
ROLES = {"watch": "viewer", "operate": "operator"}


class KeyHolder:
    """Not a user: it has no account, no password and no membership."""

    pk = None
    is_active = is_authenticated = True
    is_anonymous = is_staff = is_superuser = False

    def __init__(self, key: ApiKey) -> None:
        self.key = key

    def __str__(self) -> str:
        return self.get_username()

    def get_username(self) -> str:
        return f"API key {self.key.name} ({self.key.prefix})"

    def organizations_with(self, roles: Collection[str]) -> Sequence[int]:
        """The key's organization if a scope of the key gives one of the roles there."""
        has_role = any(ROLES.get(scope) in roles for scope in self.key.scopes)
        return [self.key.organization_id] if has_role else []
