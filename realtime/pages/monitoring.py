"""The monitoring page: figures of everything for superusers, of an organization for its admins."""

import json
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from crews.models import Organization
from realtime.monitoring import history as histories

CHOICES = 200  # organizations that the page offers; others are reached by their address


class RequestedScope(NamedTuple):
    """The organizations that the request is about. ``ids`` is ``None`` for everything."""

    ids: list[int] | None
    organization: Organization | None  # the one that was chosen
    choices: list[Organization]


@require_safe
@login_required
@never_cache
def monitoring(request: HttpRequest) -> HttpResponse:
    """The page, with the samples of the last hour, so that its charts are full at once."""
    asked = _asked(request)
    context = {
        "organization": asked.organization,
        "choices": asked.choices,
        "sees_everything": request.user.is_superuser,
        "is_whole": asked.ids is None,
        "history": histories.history(request.user, asked.ids, "hour"),
    }
    return render(request, "crews/monitoring.html", context)


@require_safe
@login_required
@never_cache
def history(request: HttpRequest) -> HttpResponse:
    """The samples of the last ``span`` (hour or day), as `realtime.monitoring.history` says."""
    span = request.GET.get("span", "hour")
    if span not in histories.SPANS:
        return HttpResponseBadRequest("span: give hour or day.")
    asked = _asked(request)
    return JsonResponse(histories.history(request.user, asked.ids, span), encoder=Compact)


class Compact(json.JSONEncoder):
    """Without spaces, which were a tenth of the answer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"separators": (",", ":")})


def _asked(request: HttpRequest) -> RequestedScope:
    """Return the organizations that the user asks for.

    Raises ``PermissionDenied`` for a user who is an admin nowhere, and ``Http404``.
    """
    managed = Organization.objects.managed_by(request.user).order_by("name", "pk")
    choices = list(managed.only("name", "slug")[:CHOICES])
    if not choices and not request.user.is_superuser:
        raise PermissionDenied
    if slug := request.GET.get("organization", ""):
        chosen = next((one for one in choices if one.slug == slug), None)
        chosen = chosen or managed.filter(slug=slug).first()
        if chosen is None:
            raise Http404
        return RequestedScope([chosen.pk], chosen, choices)
    if request.user.is_superuser:
        return RequestedScope(None, None, choices)
    ids = [one.pk for one in choices]
    if len(ids) == CHOICES:
        ids = list(managed.values_list("pk", flat=True))
    return RequestedScope(ids, choices[0] if len(ids) == 1 else None, choices)
