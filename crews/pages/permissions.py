"""Access of a page's buttons to records, by the user's role. `crews.scoping` has the rules."""

from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from structlog.contextvars import bind_contextvars

from crews.models.membership import Membership
from crews.scoping import (
    MANAGING,
    OPERATING,
    WATCHING,
    ScopedQuerySet,
    User,
    reaches_everything,
)


class Rights(NamedTuple):
    """What a user may do with the records of an organization."""

    is_member: bool = False
    may_operate: bool = False
    may_manage: bool = False


def with_role(rows: ScopedQuerySet, user: User) -> ScopedQuerySet:
    """Annotate ``role``: the user's in the organization of the row; ``None`` without one."""
    own = Membership.objects.unscoped().filter(
        user=user.pk, organization=OuterRef(rows.organization_path)
    )
    return rows.annotate(role=Subquery(own.order_by().values("role")))


def rights_with(user: User, role: str | None) -> Rights:
    """The same as ``visible_to``, ``operable_by`` and ``managed_by`` say of such a row."""
    if reaches_everything(is_active=user.is_active, is_superuser=user.is_superuser):
        return Rights(is_member=True, may_operate=True, may_manage=True)
    if not user.is_active:
        return Rights()
    return Rights(role in WATCHING, role in OPERATING, role in MANAGING)


def permitted(
    request: HttpRequest,
    objects: ScopedQuerySet,
    scope: str,
    pk: UUID,
    act: str,
    *,
    may: str = "watch this crew",
) -> Any:
    """Return the record if the user's role allows it. Raises 404 if it is not visible, else 403.

    ``act`` is what the role does not allow, ``may`` what it does, for the message.
    """
    if record := getattr(objects, scope)(request.user).filter(pk=pk).first():
        bind_contextvars(**record.log_ids)
        return record
    get_object_or_404(objects.visible_to(request.user), pk=pk)
    raise PermissionDenied(
        f"Your role lets you {may} but not {act}. Ask an admin of the organization."
    )
