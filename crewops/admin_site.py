"""The admin site: unfold's site with its own Content-Security-Policy.

The view ``view_on_site`` is removed because it looks up records without a scope check.
"""

from collections.abc import Callable
from typing import Any

from csp.constants import UNSAFE_EVAL
from csp.decorators import csp_update
from django.contrib.admin.models import LogEntry
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, reverse
from unfold.sites import UnfoldAdminSite

# unfold is built on Alpine.js, which compiles the expressions in its attributes.
allows_alpine = csp_update({"script-src": [UNSAFE_EVAL]})


class CrewOpsAdminSite(UnfoldAdminSite):
    """The site on which every model admin is registered."""

    def get_urls(self) -> list[URLPattern | URLResolver]:
        # view_on_site redirects to any record's page, so it would reveal which ids exist.
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]

    def admin_view(self, view: Callable, cacheable: bool = False) -> Callable:
        return allows_alpine(super().admin_view(view, cacheable))

    def get_log_entries(self, request: HttpRequest) -> QuerySet[LogEntry]:
        # "Recent actions" can name records that the user may no longer see.
        entries = super().get_log_entries(request)
        return entries if request.user.is_superuser else entries.none()

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Redirect to the site's own sign-in page, which leads back."""
        user = request.user
        if not user.is_authenticated:
            return redirect_to_login(request.GET.get("next") or reverse("admin:index"))
        if not self.has_permission(request):
            raise PermissionDenied(
                f"{user.get_username()} may not use the admin. A superuser allows it there: "
                "Users, Staff status."
            )
        return HttpResponseRedirect(reverse("admin:index"))
