"""The page with the schedule of a crew: the form for admins, the next and the last fire times."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from crews.lookups import record_or_404
from crews.models import Crew
from crews.pages.decorators import require_GET_or_POST
from crews.zones import zones
from runs.schedules import cron
from runs.schedules.models import Fire, Schedule
from runs.schedules.models.schedule import (
    ADMINS_SET_SCHEDULES,
    SHOWN_TIMES,
    Stale,
    seen_digest,
)

FIRES_SHOWN = 20


class ScheduleForm(forms.ModelForm):
    class Meta:
        model = Schedule
        fields = ["expression", "zone", "overlap", "missed", "is_enabled"]
        widgets = {"overlap": forms.RadioSelect, "missed": forms.RadioSelect}


@never_cache
@login_required
@require_GET_or_POST
def schedule(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The crew's schedule. A POST by an admin saves it, or with ``action``:

    ``preview`` shows the fire times of what was entered, ``delete`` deletes the schedule.
    """
    crews = Crew.objects.visible_to(request.user).select_related("organization")
    crew = record_or_404(crews, pk)
    visible = Schedule.objects.visible_to(request.user).filter(crew=crew)
    visible = visible.select_related("updated_by")
    record = visible.first()
    manages = Crew.objects.managed_by(request.user).filter(pk=pk).exists()
    if request.method != "POST":
        form = ScheduleForm(instance=record) if manages else None
        return _page(request, crew, record, form)
    if not manages:
        raise PermissionDenied(ADMINS_SET_SCHEDULES)
    action = request.POST.get("action", "save")
    if action == "delete":
        if record:
            record.delete()
            messages.success(request, "The schedule is deleted. The crew starts only when asked.")
        return redirect(crew)
    form = ScheduleForm(request.POST)  # checks what was entered; the instance is not saved
    if not form.is_valid():
        return _page(request, crew, record, form, status=400)
    if action == "preview":
        values = form.cleaned_data
        now = timezone.now()
        found = cron.next_times(values["expression"], values["zone"], now, SHOWN_TIMES)
        return _page(request, crew, record, form, preview=_in_zone(found, values["zone"]))
    seen = request.POST.get("seen", "")
    try:
        saved, _ = Schedule.objects.put(crew, by=request.user, seen=seen, **form.cleaned_data)
    except Stale:
        return _page(request, crew, visible.first(), form, is_stale=True, status=409)
    messages.success(request, "The schedule is saved.")
    return redirect(saved)


def _page(
    request: HttpRequest,
    crew: Crew,
    record: Schedule | None,
    form: ScheduleForm | None,
    *,
    preview: list[datetime] | None = None,
    is_stale: bool = False,
    status: int = 200,
) -> HttpResponse:
    """After a refusal because of ``is_stale``, the form can replace what is there now."""
    fires = Fire.objects.of(record)[:FIRES_SHOWN] if record else ()
    seen = seen_digest(record)
    if form and form.is_bound and not is_stale:
        seen = request.POST.get("seen", "")
    context: dict[str, Any] = {
        "crew": crew,
        "schedule": record,
        "form": form,
        "seen": seen,
        "is_stale": is_stale,
        "preview": preview,
        "next_times": _in_zone(record.next_times(), record.zone) if record else [],
        "fires": fires,
        "zones": zones() if form else (),
        "shorthands": cron.SHORTHANDS,
    }
    return render(request, "schedules/schedule.html", context, status=status)


def _in_zone(times: list[datetime], zone: str) -> list[datetime]:
    return [at.astimezone(ZoneInfo(zone)) for at in times]
