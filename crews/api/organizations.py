"""What is of one organization and for its admins alone."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import generics
from rest_framework.exceptions import PermissionDenied

from crews.models import Organization

MEMBER_REFUSED = OpenApiResponse(description="You are not an admin of the organization.")


class ManagedOrganizationView(generics.GenericAPIView):
    """``subject``: what the address is about, as a refusal names it."""

    subject: str
    kwargs: dict[str, Any]

    def managed_organization(self) -> Organization:
        """404 where it is not theirs to see, 403 where they are no admin of it."""
        slug, user = self.kwargs["slug"], self.request.user
        visible = Organization.objects.visible_to(user)
        organization = generics.get_object_or_404(visible, slug=slug)
        if not Organization.objects.managed_by(user).filter(pk=organization.pk).exists():
            raise PermissionDenied(
                f"{self.subject} for admins of the organization. Ask one of them for this role."
            )
        return organization
