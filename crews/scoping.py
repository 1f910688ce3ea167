"""Isolation between organizations: every query starts from the user.

Views, the API, consumers and the admin start from ``visible_to``, ``operable_by`` or
``managed_by``. A check finds code that does not. During a request, rows of an organization can be
read, changed and deleted only by a QuerySet from one of the three, or from a relation of a record.
Any other query raises ``UnscopedQuery``. The only exception is ``unscoped()``: a QuerySet's method,
or a block around Django's own queries (uniqueness checks, cascades).
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Protocol, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models.lookups import In


class Program(Protocol):
    """A program that acts without an account: `crews.key_holder.KeyHolder`."""

    is_active: bool
    is_superuser: bool

    def organizations_with(self, roles: Collection[str]) -> Sequence[int]:
        """The ids of the organizations where it has one of the roles."""


User = AbstractBaseUser | AnonymousUser | Program

# The roles that may watch. Together with `reaches_everything` this is the only rule for who may see
# a crew. Pages and API apply it to one user (`visible_to`), the sockets to all their users in one
# query (`watching`).
WATCHING = ("viewer", "operator", "admin")
OPERATING = ("operator", "admin")
MANAGING = ("admin",)

_enforced: ContextVar[bool] = ContextVar("scope enforced", default=False)


class UnscopedQuery(Exception):
    """A request's query of an organization's rows did not start from its user."""


def reaches_everything(*, is_active: bool, is_superuser: bool) -> bool:
    return is_active and is_superuser


def watching() -> models.FilteredRelation:
    """For a QuerySet of users: the memberships that allow watching; an inactive user has none."""
    condition = models.Q(memberships__role__in=WATCHING, is_active=True)
    return models.FilteredRelation("memberships", condition=condition)


def enforcing_scope() -> AbstractContextManager[None]:
    """Inside the block, a query of an organization's rows must start from a user.

    Any other query raises ``UnscopedQuery``.
    """
    return _enforcing(True)


def unscoped() -> AbstractContextManager[None]:
    """Inside the block there is no scope check.

    Use it for Django's own look-ups about a record that was reached: rows that a deletion includes,
    uniqueness of a name.
    """
    return _enforcing(False)


@contextmanager
def _enforcing(enforced: bool) -> Iterator[None]:
    token = _enforced.set(enforced)
    try:
        yield
    finally:
        _enforced.reset(token)


def check_reached(model: type[models.Model]) -> None:
    """Raise ``UnscopedQuery`` if a query of this model's rows must start from a user here."""
    if _enforced.get():
        raise UnscopedQuery(
            f"{model.__name__}: start from visible_to(), operable_by() or managed_by(), or call "
            "unscoped() where the rows are the same for everybody or belong to a record that "
            "was loaded through one of these."
        )


def _reached(method: Callable[..., Any]) -> Callable[..., Any]:
    """Add the scope check to the QuerySet's ``method``."""

    @wraps(method)
    def call(self: "ScopedQuerySet", *args: Any, **kwargs: Any) -> Any:
        # A relation gives its record as a hint. Rows that were fetched before were checked then.
        known = self._is_reached or self._hints.get("instance") or self._result_cache is not None
        if not known:
            check_reached(self.model)
        return method(self, *args, **kwargs)

    return call


class NotByIndex(models.Func):
    """A column whose index SQLite does not use to find rows.

    Otherwise SQLite would read all rows of an organization and sort them, for a list that shows the
    newest fifty. PostgreSQL decides by its statistics.
    """

    arity = 1
    template = "%(expressions)s"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)


class ScopedQuerySet(models.QuerySet):
    """Rows that belong to an organization, limited by a user's memberships.

    A superuser reaches every row; an inactive or anonymous user reaches none. Views, the API,
    consumers and the admin start from ``visible_to``, ``operable_by`` or ``managed_by``, and never
    from ``all()`` or a bare ``get(pk=...)``.
    """

    organization_path = "organization"  # from the row to its organization, as a field look-up
    # Whether the table grows with use. Its lists are then read in their order, by an index.
    is_large_table = False
    # Prefixes of look-ups from the row to each ``Deletable``, up to its field.
    deletable: tuple[str, ...] = ()

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
        """Rows that ``user`` may watch: every role."""
        return self._within(user, *WATCHING)

    def operable_by(self, user: User) -> Self:
        """Rows that ``user`` may also start and cancel: operators and admins."""
        return self._within(user, *OPERATING)

    def managed_by(self, user: User) -> Self:
        """Rows that ``user`` may also edit and share: admins."""
        return self._within(user, *MANAGING)

    def not_deleted(self) -> Self:
        """Without records that were deleted and whose rows are still to be removed."""
        return self.filter(**{f"{path}deleted_at": None for path in self.deletable})

    def unscoped(self) -> Self:
        """These rows for any user: the same for everybody, or of a record that was reached."""
        rows = self._chain()
        rows._is_reached = True
        return rows

    @_reached
    def delete(self) -> tuple[int, dict[str, int]]:
        with unscoped():
            return super().delete()

    delete.alters_data = True
    delete.queryset_only = True

    def __or__(self, other: models.QuerySet) -> Self:
        rows = super().__or__(other)
        rows._is_reached = self._is_reached and other._is_reached
        return rows

    def _within(self, user: User, *roles: str) -> Self:
        if not user.is_active:
            return self.unscoped().none()
        if reaches_everything(is_active=user.is_active, is_superuser=user.is_superuser):
            return self.unscoped().not_deleted()
        if isinstance(user, AbstractBaseUser):
            own = user.memberships.filter(role__in=roles)
            organizations = own.order_by().values("organization")
        else:
            organizations = user.organizations_with(roles)
        if self.is_large_table:
            rows = self.filter(In(NotByIndex(models.F(self.organization_path)), organizations))
        else:
            rows = self.filter(**{f"{self.organization_path}__in": organizations})
        rows._is_reached = True
        return rows.not_deleted()

    def _clone(self) -> Self:
        rows = super()._clone()
        rows._is_reached = self._is_reached
        return rows


class OwnedModel(models.Model):
    """A record of an organization.

    Django's own look-ups for this record (uniqueness checks, cascades) run outside the scope check.
    """

    class Meta:
        abstract = True

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with unscoped():
            return super().delete(*args, **kwargs)

    def clean_fields(self, *args: Any, **kwargs: Any) -> None:
        with unscoped():
            super().clean_fields(*args, **kwargs)

    def validate_unique(self, *args: Any, **kwargs: Any) -> None:
        with unscoped():
            super().validate_unique(*args, **kwargs)

    def validate_constraints(self, *args: Any, **kwargs: Any) -> None:
        with unscoped():
            super().validate_constraints(*args, **kwargs)
