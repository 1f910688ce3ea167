"""The base of views that are about one organization and only for its admins."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiResponse
from rest_framework import generics
from rest_framework.exceptions import PermissionDenied

from crews.models import Organization

MEMBER_REFUSED = OpenApiResponse(description="You are not an admin of the organization.")


class ManagedOrganizationView(generics.GenericAPIView):
    """``subject`` names the content of the URL in the message of a refusal."""

    key_scopes: ClassVar[dict[str, str]] = {}  # only for users, not for API keys
    subject: str
    kwargs: dict[str, Any]

    def managed_organization(self) -> Organization:
        """The organization of the URL.

        Raises 404 if the user may not see it, 403 if the user is not its admin.
        """
        slug, user = self.kwargs["slug"], self.request.user
        visible = Organization.objects.visible_to(user)
        organization = generics.get_object_or_404(visible, slug=slug)
        if not Organization.objects.managed_by(user).filter(pk=organization.pk).exists():
            raise PermissionDenied(
                f"{self.subject} for admins of the organization. Ask one of them for this role."
            )
        return organization
