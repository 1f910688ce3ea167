"""Actions on one record. An action that changes something asks first, and acts on a POST."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.forms import BaseDialogForm

from crews.admin.scoped import reaches, roles_of
from crews.models import Role


class RecordActions:
    """For a ``ScopedAdmin`` of records with pages: who may act on them, and the link to the page.

    A missing record and a record of another organization are refused in the same way.
    """

    def has_watch_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        if object_id is None:
            return bool(roles_of(request))
        return self._reaches(request, object_id, "visible_to")

    def has_operate_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        if object_id is None:
            return bool(roles_of(request) & {Role.OPERATOR, Role.ADMIN})
        return self._reaches(request, object_id, "operable_by")

    @action(description="Open live page", icon="open_in_new", permissions=["watch"])
    def open_live_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        record = self.model._default_manager.visible_to(request.user).get(pk=object_id)
        return HttpResponseRedirect(record.get_absolute_url())

    def _reaches(self, request: HttpRequest, object_id: str, scope: str) -> bool:
        try:
            pk = UUID(object_id)
        except ValueError:
            return False
        return reaches(request, scope, self.model, pk)


def asked(
    title: str, description: str, yes: str, form: type[BaseDialogForm] | None = None
) -> ActionDialog:
    """The question before an action. ``yes``: the button that carries it out."""
    return ActionDialog(title=title, description=description, form_class=form, form_submit_text=yes)


def forward(request: HttpRequest, view: str, *args: Any) -> HttpResponse:
    """Redirect to a page of the admin, from a dialog or without one."""
    url = reverse(f"admin:{view}", args=args)
    if "HX-Request" in request.headers:  # a dialog would load a redirect into itself
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
