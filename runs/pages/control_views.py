"""The buttons Pause, Resume, Message and Cancel of the run page."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from crews.pages.permissions import permitted
from runs.execution import controls
from runs.models import InvalidState, Run
from runs.pages.forms import ControlForm


@login_required
@require_POST
def run_cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End a queued run, or ask a running run's worker to stop. An ended run stays as it is."""
    record = permitted(request, Run.objects, "operable_by", pk, "cancel its runs")
    control = record.cancel()
    if control and control.status == control.Status.REFUSED:
        messages.error(request, control.detail)
    if record.is_over and record.reason != "cancelled":
        messages.info(request, f"The run had already ended: {record.get_status_display().lower()}.")
    return redirect(record)


@login_required
@require_POST
def run_control(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask the run to pause, resume or stop, or send it a message."""
    record = permitted(request, Run.objects, "operable_by", pk, "control its runs")
    form = ControlForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(e for errors in form.errors.values() for e in errors))
        return redirect(record)
    try:
        control = controls.ask(record, **form.cleaned_data)
    except InvalidState as refusal:
        messages.error(request, str(refusal))
        return redirect(record)
    if control.refusal:
        messages.error(request, control.refusal)
    return redirect(record)
