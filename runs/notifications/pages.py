"""The pages of notifications: targets, what was sent to each, and why something did not arrive."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from crews.keyset import KeysetPage
from crews.lookups import record_or_404
from crews.models import Organization
from crews.pages.decorators import require_GET_or_POST
from crews.pages.permissions import permitted
from crews.scoping import ScopedQuerySet
from runs.notifications.forms import DEFAULT_KINDS, NewTargetForm, TargetEditForm
from runs.notifications.models import Delivery, Target
from runs.notifications.services import SERVICES

TARGETS_SHOWN = 200
DELIVERIES_PER_PAGE = 25
MAY = "see this target"  # what every role may


@never_cache
@login_required
@require_GET_or_POST
def overview(request: HttpRequest) -> HttpResponse:
    """The targets of the user and of their organizations. A POST adds one.

    The response to the POST of a webhook is the page itself, with its key: it is shown once.
    """
    form, made, status = NewTargetForm(request.POST or None, user=request.user), None, 200
    if request.method == "POST":
        if form.is_valid():
            made = form.save()
            if not form.key:
                messages.success(request, f"{made} is added. Send a test to see that it arrives.")
                return redirect(made)
        else:
            status = 400
    if not form.is_bound or made:
        key, form = form.key, NewTargetForm(user=request.user, initial={"kinds": DEFAULT_KINDS})
    else:
        key = ""
    context = {
        "form": form,
        "made": made,
        "key": key,
        "examples": {name: each.example for name, each in SERVICES.items()},
        "targets": _with_last(Target.objects.visible_to(request.user))[:TARGETS_SHOWN],
        "manages": Organization.objects.managed_by(request.user).exists(),
    }
    return render(request, "notifications/overview.html", context, status=status)


@never_cache
@login_required
@require_GET_or_POST
def target(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One target with its log. A POST changes it."""
    record = _found(request, Target.objects, pk)
    may_manage = Target.objects.managed_by(request.user).filter(pk=pk).exists()
    form, status = None, 200
    if may_manage:
        initial = {
            "name": record.name, "kinds": record.kinds, "crew": record.crew_id,
            "is_active": record.is_active,
        }  # fmt: skip
        form = TargetEditForm(
            request.POST or None, target=record, user=request.user, initial=initial
        )
    key = ""
    if request.method == "POST":
        if form is None:
            raise PermissionDenied("Only admins of the organization change what it sends.")
        with transaction.atomic():
            if form.is_valid():
                record, key = form.save(), form.key
            else:
                status = 409 if form.theirs else 400
        if status == 200 and not key:
            messages.success(request, "The target is saved.")
            return redirect(record)
    deliveries = Delivery.objects.visible_to(request.user).filter(target=record)
    context = {
        "target": record,
        "form": form,
        "key": key,
        "may_operate": may_manage or _may_operate(request, record),
        "page": KeysetPage(
            deliveries.prefetch_related("tries"),
            request.GET,
            ordering=("-created_at", "-pk"),
            size=DELIVERIES_PER_PAGE,
        ),
        "example": SERVICES[record.service].example if record.service in SERVICES else "",
    }
    return render(request, "notifications/target.html", context, status=status)


@login_required
@require_POST
def test(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Queue a test for the target."""
    record = _operable(request, Target.objects, pk, "send a test")
    Delivery.objects.unscoped().queue_test(record, by=request.user)
    messages.success(request, "A test is on its way. Reload the page to see whether it arrived.")
    return redirect(record)


@login_required
@require_POST
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete the target with its log."""
    objects, act = Target.objects, "delete its targets"
    record = permitted(request, objects, "managed_by", pk, act, may=MAY)
    record.delete()
    messages.success(request, f"{record} is deleted.")
    return redirect("notifications")


@login_required
@require_POST
def redeliver(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Queue a delivery once more."""
    record = _operable(request, Delivery.objects.select_related("target"), pk, "send it again")
    record.send_again()
    messages.success(request, "It is sent again. Reload the page to see whether it arrived.")
    return redirect(record.target)


def _with_last(targets: QuerySet[Target]) -> QuerySet[Target]:
    """With ``last_status``, ``last_at`` and ``last_note`` of each target's newest delivery."""
    newest = (
        Delivery.objects.unscoped().filter(target=OuterRef("pk")).order_by("-created_at", "-pk")
    )
    return targets.select_related("organization", "owner", "crew").annotate(
        last_status=Subquery(newest.values("status")[:1]),
        last_at=Subquery(newest.values("created_at")[:1]),
        last_note=Subquery(newest.values("note")[:1]),
    )


def _may_operate(request: HttpRequest, record: Target) -> bool:
    return Target.objects.operable_by(request.user).filter(pk=record.pk).exists()


def _found(request: HttpRequest, objects: ScopedQuerySet, pk: UUID) -> Any:
    rows = objects.visible_to(request.user).select_related("organization", "owner", "crew")
    return record_or_404(rows, pk)


def _operable(request: HttpRequest, objects: ScopedQuerySet, pk: UUID, act: str) -> Any:
    return permitted(request, objects, "operable_by", pk, act, may=MAY)
