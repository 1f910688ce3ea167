"""Isolation between organizations: every record is reached by walking from the user.

Two walls. The first: what answers somebody starts from ``visible_to``, ``operable_by`` or ``managed_by``.
The second, should that be forgotten: while a request is answered, rows of an
organization are read, changed and deleted only by a QuerySet that came from one of the three, from a
relation of a record, or that says ``whoever_asks()``. Any other raises ``Unscoped``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

User = AbstractBaseUser | AnonymousUser

# The roles that may watch. This is the one rule of who may see a crew, with `reaches_everything`: pages and
# API apply it to one user (`visible_to`), the sockets to all their users in one query (`watching`).
WATCHING = ("viewer", "operator", "admin")

_answering: ContextVar[bool] = ContextVar("answering somebody", default=False)


class Unscoped(Exception):
    """Somebody was to be answered from rows that were not reached through them."""


def reaches_everything(*, is_active: bool, is_superuser: bool) -> bool:
    return is_active and is_superuser


def watching() -> models.FilteredRelation:
    """Of a QuerySet of users: the memberships by which they may watch; none of an inactive user."""
    condition = models.Q(memberships__role__in=WATCHING, is_active=True)
    return models.FilteredRelation("memberships", condition=condition)


@contextmanager
def answering(somebody: bool = True) -> Iterator[None]:
    """Inside, the second wall stands. ``answering(False)``: not for what follows from a record that was
    reached, such as what a deletion takes along or whether a name is taken.
    """
    token = _answering.set(somebody)
    try:
        yield
    finally:
        _answering.reset(token)


def _reached(method: Callable[..., Any]) -> Callable[..., Any]:
    """The QuerySet's ``method``, for rows that were reached."""

    @wraps(method)
    def call(self: "ScopedQuerySet", *args: Any, **kwargs: Any) -> Any:
        # A relation tells the record it hangs on; what was fetched before was looked at then.
        known = self._is_reached or self._hints.get("instance") or self._result_cache is not None
        if not known and _answering.get():
            raise Unscoped(
                f"{self.model.__name__}: start from visible_to(), operable_by() or managed_by(), or say "
                "whoever_asks() where the rows are the same for everybody or hang on a record that "
                "was reached."
            )
        return method(self, *args, **kwargs)

    return call


class ScopedQuerySet(models.QuerySet):
    """Rows that belong to an organization, seen through a user's memberships.

    A superuser reaches every row; an inactive or anonymous user none. Views, the API, consumers and
    the admin start from one of these three and never from ``all()`` or a bare ``get(pk=...)``.
    """

    organization_path = "organization"  # from the row to its organization, as a field look-up

    _is_reached = False
    _fetch_all = _reached(models.QuerySet._fetch_all)
    iterator = _reached(models.QuerySet.iterator)
    aiterator = _reached(models.QuerySet.aiterator)
    aggregate = _reached(models.QuerySet.aggregate)
    count = _reached(models.QuerySet.count)
    exists = _reached(models.QuerySet.exists)
    contains = _reached(models.QuerySet.contains)
    explain = _reached(models.QuerySet.explain)
    raw = _reached(models.QuerySet.raw)
    update = _reached(models.QuerySet.update)

    def visible_to(self, user: User) -> Self:
        """What ``user`` may watch: every role."""
        return self._within(user, *WATCHING)

    def operable_by(self, user: User) -> Self:
        """What ``user`` may also start and cancel: operators and admins."""
        return self._within(user, "operator", "admin")

    def managed_by(self, user: User) -> Self:
        """What ``user`` may also edit and share: admins."""
        return self._within(user, "admin")

    def whoever_asks(self) -> Self:
        """These rows, reached through no user."""
        rows = self._chain()
        rows._is_reached = True
        return rows

    @_reached
    def delete(self) -> tuple[int, dict[str, int]]:
        with answering(False):
            return super().delete()

    delete.alters_data = True
    delete.queryset_only = True

    def __or__(self, other: models.QuerySet) -> Self:
        rows = super().__or__(other)
        rows._is_reached = self._is_reached and other._is_reached
        return rows

    def _within(self, user: User, *roles: str) -> Self:
        if not user.is_active:
            return self.whoever_asks().none()
        if reaches_everything(is_active=user.is_active, is_superuser=user.is_superuser):
            return self.whoever_asks()
        from crews.models.membership import Membership

        organizations = Membership.objects.filter(user=user, role__in=roles)
        rows = self.filter(
            **{f"{self.organization_path}__in": organizations.values("organization")}
        )
        rows._is_reached = True
        return rows

    def _clone(self) -> Self:
        rows = super()._clone()
        rows._is_reached = self._is_reached
        return rows


class OwnedModel(models.Model):
    """A record of an organization: what Django asks about other rows on its behalf is no answer to
    somebody, but whether a name is taken, and what goes with it.
    """

    class Meta:
        abstract = True

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with answering(False):
            return super().delete(*args, **kwargs)

    def clean_fields(self, *args: Any, **kwargs: Any) -> None:
        with answering(False):
            super().clean_fields(*args, **kwargs)

    def validate_unique(self, *args: Any, **kwargs: Any) -> None:
        with answering(False):
            super().validate_unique(*args, **kwargs)

    def validate_constraints(self, *args: Any, **kwargs: Any) -> None:
        with answering(False):
            super().validate_constraints(*args, **kwargs)
