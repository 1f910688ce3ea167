"""Who may edit which crew."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from crews.lookups import record_or_404
from crews.models import Crew, Organization

ADMINS_EDIT_CREWS = "Admins of the organization edit its crews. Ask one of them."
NO_ORGANIZATION = (
    "You are an admin of no organization, so you cannot create a crew. Ask one of its admins."
)


def crew_to_edit(request: HttpRequest, pk: UUID) -> Crew:
    """Raises ``Http404`` if the user may not see the crew, else ``PermissionDenied``."""
    visible = Crew.objects.visible_to(request.user).select_related("organization")
    crew = record_or_404(visible, pk)
    if not Crew.objects.managed_by(request.user).filter(pk=pk).exists():
        raise PermissionDenied(ADMINS_EDIT_CREWS)
    return crew


def organizations_to_edit(user: Any) -> dict[str, Organization]:
    """Those where the user may create crews, by slug, in the order of their names.

    Raises ``PermissionDenied`` if there is none.
    """
    organizations = {each.slug: each for each in Organization.objects.managed_by(user)}
    if not organizations:
        raise PermissionDenied(NO_ORGANIZATION)
    return organizations
