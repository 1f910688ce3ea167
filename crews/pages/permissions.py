"""Access of a page's buttons to records, by the user's role. `crews.scoping` has the rules."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from structlog.contextvars import bind_contextvars

from crews.scoping import ScopedQuerySet


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
