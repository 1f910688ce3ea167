"""The pages of the runs. Every view queries only records that the user may see."""

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from structlog.contextvars import bind_contextvars

from crews.keyset import KeysetPage
from crews.lookups import record_or_404
from crews.models import Crew
from crews.pages.permissions import permitted, rights_with, with_role
from runs.models import CallText, InvalidState, Run, ToolExecution
from runs.pages import transcript
from runs.pages.forms import RetryForm, RunFilterForm, RunRequestForm, ShareForm
from runs.pages.live import render_live
from runs.pages.past import Past
from runs.pages.run_page_data import RunPage
from runs.pages.run_window import Window
from runs.pages.running_wait_reasons import with_wait_reason

PastOf = Callable[[Run, datetime], Past | None]

RUNS_PER_PAGE = 25
PROGRESS_AT_MOST = 20  # runs in one request
NEWEST_FIRST = ("-created_at", "-pk")
PLAIN = "text/plain; charset=utf-8"
# No browser may interpret the output of a tool or a model as a page or a script.
NOT_A_PAGE = {"X-Content-Type-Options": "nosniff"}
NO_RUN = "There is no run with this id that you can see."
OUTPUT_AT_MOST = 200_000  # characters in one response with the end of an output


@never_cache
@vary_on_headers("X-Fragment")
@login_required
@require_safe
def run_list(request: HttpRequest) -> HttpResponse:
    """The visible runs, newest first, filtered by crew and status.

    With the header ``X-Fragment`` only what changes, for an update of the page.
    """
    form = RunFilterForm(request.GET, user=request.user)
    runs = with_wait_reason(form.filter(Run.objects.visible_to(request.user)).for_lists())
    page = KeysetPage(runs, request.GET, ordering=NEWEST_FIRST, size=RUNS_PER_PAGE)
    return render_live(request, "runs/runs", {"form": form, "page": page})


@never_cache
@login_required
@require_safe
def runs_progress(request: HttpRequest) -> JsonResponse:
    """The progress of the runs named by ``run``, if the user can see them, and what holds them."""
    try:
        ids = [UUID(text) for text in request.GET.getlist("run")[:PROGRESS_AT_MOST]]
    except ValueError:
        return JsonResponse({"detail": "run: give ids of runs."}, status=400)
    asked = Run.objects.visible_to(request.user).filter(pk__in=ids)
    runs = [
        {"run_id": str(pk), "status": status, "wait_reason": reason, "tasks_ended": ended}
        for pk, status, reason, ended in with_wait_reason(asked).values_list(
            "pk", "status", "wait_reason", "tasks_ended"
        )
    ]
    return JsonResponse({"runs": runs})


def run(request: HttpRequest, pk: UUID, *, past_of: PastOf) -> HttpResponse:
    """The run page, for members; if the run is shared, for everybody. ``at``: of the past."""
    record = _readable(request, pk)
    if record is None:
        # Missing runs and those of others look the same. An anonymous visitor may be a member.
        if request.user.is_anonymous:
            return redirect_to_login(request.get_full_path())
        raise Http404(NO_RUN)
    bind_contextvars(**record.log_ids)
    # A page of the past can return to the present, so it has what the present needs.
    present = {"has_ended": record.is_over, "may_operate": record.may_operate}
    page = _page(request, record, past_of, with_output=True)
    return render(request, "runs/run.html", _context(request, page) | present)


def run_live(request: HttpRequest, pk: UUID, *, past_of: PastOf) -> HttpResponse:
    """The parts of the run page that change, without tools' output, for an update of the page.

    Parts whose versions the page has already are empty elements with ``data-same``.
    """
    began = time.thread_time()
    record = _readable(request, pk, "plan")
    if record is None:
        raise Http404(NO_RUN)
    bind_contextvars(**record.log_ids)
    if request.method == "HEAD":
        return HttpResponse()  # a guest's page checks whether the run is still shared
    page = _page(request, record, past_of)
    response = render(request, "runs/_run_live.html", _context(request, page))
    # For a large run, the page requests updates less often if they cost more.
    response["Server-Timing"] = f"cpu;dur={1000 * (time.thread_time() - began):.0f}"
    return response


@never_cache
@require_safe
def run_output(request: HttpRequest, pk: UUID, execution_id: UUID) -> HttpResponse:
    """A tool's output as plain text: all of it, or with ``?from=N`` the part after N characters.

    With ``from``, only the end of a long output is returned. ``X-Output-Begin`` and
    ``X-Output-End`` are the positions of the text in the output, in characters.
    """
    start = request.GET.get("from", "0")
    if not start.isdecimal() or len(start) > 9:
        return HttpResponseBadRequest("from: give a number of characters, 0 or more.")
    record = readable_run(request, pk)
    execution = get_object_or_404(
        ToolExecution.objects.unscoped().filter(task_execution__run=record), pk=execution_id
    )
    at_most = OUTPUT_AT_MOST if "from" in request.GET else None
    offset, text = transcript.read(execution, int(start), at_most=at_most)
    return HttpResponse(
        text,
        content_type=PLAIN,
        headers={
            "X-Output-Begin": str(offset),
            "X-Output-End": str(offset + len(text)),
            **NOT_A_PAGE,
        },
    )


@never_cache
@login_required
@require_safe
def run_call_input(request: HttpRequest, pk: UUID, call_id: UUID) -> HttpResponse:
    """The input of a model call, as plain text, if it is stored. Only for members."""
    return _call_text(request, pk, call_id, CallText.Part.INPUT)


@never_cache
@login_required
@require_safe
def run_call_output(request: HttpRequest, pk: UUID, call_id: UUID) -> HttpResponse:
    """The answer of a model so far, as plain text, if it is stored. Only for members."""
    return _call_text(request, pk, call_id, CallText.Part.OUTPUT)


@login_required
@require_POST
def run_start(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Request a run of the crew. With the form's ``idempotency_key`` a double click is one run."""
    crew = permitted(request, Crew.objects, "operable_by", pk, "start its runs")
    start = partial(Run.objects.request, crew=crew)
    return _start(request, RunRequestForm(request.POST), start, otherwise=crew)


@login_required
@require_POST
def run_retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Repeat an ended run; ``from_failed=on``: from its failed task. Redirects to the new run."""
    record = permitted(request, Run.objects, "operable_by", pk, "start its runs")
    return _start(request, RetryForm(request.POST), record.run_again, otherwise=record)


@login_required
@require_POST
def run_share(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Share the run with everybody who has its link (``public=on``), or end the sharing."""
    record = permitted(request, Run.objects, "managed_by", pk, "share its runs")
    form = ShareForm(request.POST)
    if form.is_valid():
        record.share(form.cleaned_data["public"])
    return redirect(record)


def _start(
    request: HttpRequest, form: Form, start: Callable[..., Run], *, otherwise: Crew | Run
) -> HttpResponse:
    """Start a run with the form's data and redirect to it; after a refusal to ``otherwise``."""
    if not form.is_valid():
        messages.error(request, "The form was not complete. Reload the page and try again.")
        return redirect(otherwise)
    try:
        return redirect(start(user=request.user, **form.cleaned_data))
    except InvalidState as refusal:
        messages.error(request, str(refusal))
        return redirect(otherwise)


def _readable(request: HttpRequest, pk: UUID, *deferred: str) -> Run | None:
    """The run, if the user may open it, with what the user may do with it as attributes."""
    runs = Run.objects.readable_by(request.user).defer(*deferred)
    runs = runs.select_related("crew", "started_by", "reported", "api_key")
    record = with_role(runs, request.user).filter(pk=pk).first()
    if record is not None:
        rights = rights_with(request.user, record.role)
        record.is_member, record.may_operate, record.may_manage = rights
    return record


def _page(request: HttpRequest, record: Run, past_of: PastOf, **options: Any) -> RunPage:
    window = Window.of(request)
    past = past_of(record, window.moment) if window.moment else None
    if past:
        record.may_operate = record.may_manage = False  # the past cannot be changed
    return RunPage(record, window=window, past=past, **options)


def _call_text(request: HttpRequest, pk: UUID, call_id: UUID, part: str) -> HttpResponse:
    record = get_object_or_404(Run.objects.visible_to(request.user).defer("plan"), pk=pk)
    call = get_object_or_404(record.calls.all(), pk=call_id)
    pieces = call.texts.filter(part=part).order_by("offset").values_list("text", flat=True)
    return HttpResponse("".join(pieces), content_type=PLAIN, headers=NOT_A_PAGE)


def _context(request: HttpRequest, page: RunPage) -> dict[str, Any]:
    return {
        "page": page,
        "run": page.run,
        "public_url": request.build_absolute_uri(page.run.get_absolute_url()),
    }


def readable_run(request: HttpRequest, pk: UUID) -> Run:
    """Return the run, without its plan, if the user may open its page. Raises 404 if not."""
    runs = Run.objects.readable_by(request.user).select_related("crew")
    return record_or_404(runs.defer("plan"), pk)
