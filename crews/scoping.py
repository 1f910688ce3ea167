"""Isolation between organizations: every record is reached by walking from the user."""

from typing import Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

User = AbstractBaseUser | AnonymousUser


class ScopedQuerySet(models.QuerySet):
    """Rows that belong to an organization, seen through a user's memberships.

    A superuser reaches every row; an inactive or anonymous user none. Views, the API, consumers and
    the admin start from one of these three and never from ``all()`` or a bare ``get(pk=...)``.
    """

    organization_path = "organization"  # from the row to its organization, as a field look-up

    def visible_to(self, user: User) -> Self:
        """What ``user`` may watch: every role."""
        return self._within(user, "viewer", "operator", "admin")

    def operable_by(self, user: User) -> Self:
        """What ``user`` may also start and cancel: operators and admins."""
        return self._within(user, "operator", "admin")

    def managed_by(self, user: User) -> Self:
        """What ``user`` may also edit and share: admins."""
        return self._within(user, "admin")

    def _within(self, user: User, *roles: str) -> Self:
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self.all()
        from crews.models.membership import Membership

        organizations = Membership.objects.filter(user=user, role__in=roles)
        return self.filter(
            **{f"{self.organization_path}__in": organizations.values("organization")}
        )
