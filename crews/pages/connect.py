"""The Connect page: API keys, with which programs report, watch and start runs."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crews.demo.reported import demo_crews
from crews.forms import ApiKeyForm
from crews.models import ApiKey, Crew, Organization
from crews.pages.decorators import require_GET_or_POST

KEY_UNKNOWN = "crewops_..."  # in the lines to paste, while there is no new key
SHOWN = 100  # keys on the page; the API lists all


@never_cache
@login_required
@require_GET_or_POST
def connect(request: HttpRequest) -> HttpResponse:
    """Show the keys of the organizations that the user manages. A POST creates one.

    The response to the POST is the page itself, with the text of the key, and no redirect: the text
    is not stored anywhere.
    """
    issued, status = {}, 200
    form = ApiKeyForm(request.POST or None, user=request.user)
    manages = Organization.objects.managed_by(request.user).exists()
    if request.method == "POST":
        if not manages:
            status = 403
        elif form.is_valid():
            key, text = ApiKey.objects.issue(
                organization=form.cleaned_data["organization"],
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                by=request.user,
                expires_at=form.expires_at,
            )
            issued = {"key": key, "text": text}
            form = ApiKeyForm(user=request.user)
        else:
            status = 400
    keys = ApiKey.objects.managed_by(request.user).select_related("organization", "created_by")
    context = {
        "form": form,
        "issued": issued,
        "key_text": issued.get("text", KEY_UNKNOWN),
        "keys": keys.order_by("-created_at", "id")[:SHOWN],
        "manages": manages,
        "demo_crew": settings.DEBUG and demo_crews(Crew.objects.operable_by(request.user)).first(),
        "site": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "crews/connect.html", context, status=status)


@never_cache
@login_required
@require_safe
def first_run(request: HttpRequest, pk: UUID) -> JsonResponse:
    """``{key, crew?, url?}``: the first run that the key has reported or started, if any."""
    key = get_object_or_404(ApiKey.objects.managed_by(request.user), pk=pk)
    run = key.runs.order_by("created_at").select_related("crew").first()
    found = {"crew": run.crew.name, "url": run.get_absolute_url()} if run else {}
    return JsonResponse({"key": str(key.pk)} | found)


@login_required
@require_POST
def revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Revoke a key at once and permanently."""
    key = get_object_or_404(ApiKey.objects.managed_by(request.user), pk=pk)
    key.revoke()
    messages.success(request, f"The API key {key} is revoked.")
    return redirect("connect")
