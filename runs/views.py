"""The pages of the runs. Every view reaches its record by walking from the user."""

import time
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from structlog.contextvars import bind_contextvars

from crews.keyset import KeysetPage
from crews.models import Crew
from crews.scoping import ScopedQuerySet
from runs import transcript
from runs.forms import RetryForm, RunFilterForm, RunRequestForm, ShareForm
from runs.models import IllegalMove, Run, ToolExecution
from runs.run_page import RunPage
from runs.run_window import Window

RUNS_PER_PAGE = 25
PROGRESS_AT_MOST = 20  # runs in one question
NEWEST_FIRST = ("-created_at", "-pk")
OUTPUT_AT_MOST = 200_000  # characters that one look at the end of an output gets


@login_required
@require_safe
def run_list(request: HttpRequest) -> HttpResponse:
    """The visible runs, newest first; filtered by crew and status."""
    form = RunFilterForm(request.GET, user=request.user)
    runs = form.filter(Run.objects.visible_to(request.user)).for_lists()
    page = KeysetPage(runs, request.GET, ordering=NEWEST_FIRST, size=RUNS_PER_PAGE)
    return render(request, "runs.html", {"form": form, "page": page})


@never_cache
@login_required
@require_safe
def runs_progress(request: HttpRequest) -> JsonResponse:
    """How far the runs named by ``run`` are, those of them that the user can see."""
    try:
        ids = [UUID(text) for text in request.GET.getlist("run")[:PROGRESS_AT_MOST]]
    except ValueError:
        return JsonResponse({"detail": "run: give ids of runs."}, status=400)
    asked = Run.objects.visible_to(request.user).filter(pk__in=ids)
    runs = [
        {"run_id": str(pk), "status": status, "tasks_ended": ended}
        for pk, status, ended in asked.values_list("pk", "status", "tasks_ended")
    ]
    return JsonResponse({"runs": runs})


@never_cache
@require_safe
def run(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The run page, for members and, of a shared run, for everybody."""
    record = _readable(request).filter(pk=pk).first()
    if record is None:
        # Of a foreign run as of a missing one. Who is not signed in may be the run's own people.
        if request.user.is_anonymous:
            return redirect_to_login(request.get_full_path())
        raise Http404("There is no run with this id that you can see.")
    bind_contextvars(**record.log_ids)
    page = RunPage(record, with_output=True, window=Window.of(request))
    context = _context(request, page)
    return render(request, "run.html", context)


@never_cache
@require_safe
def run_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What changes on the run page, without the tools' output, for the page to bring itself up to date.

    Parts whose versions the page has come as empty elements with ``data-same``.
    """
    began = time.thread_time()
    record = get_object_or_404(_readable(request).defer("plan", "parent__plan"), pk=pk)
    bind_contextvars(**record.log_ids)
    if request.method == "HEAD":
        return HttpResponse()  # a guest's page asks whether the run is still shared
    page = RunPage(record, window=Window.of(request))
    response = render(request, "_run_live.html", _context(request, page))
    # Of a large run the page asks the less often the more this costs.
    response["Server-Timing"] = f"cpu;dur={1000 * (time.thread_time() - began):.0f}"
    return response


@never_cache
@require_safe
def run_output(request: HttpRequest, pk: UUID, execution_id: UUID) -> HttpResponse:
    """A tool's output as plain text: all of it, or with ``?from=N`` what follows N characters.

    With ``from`` only the end of a long output comes. ``X-Output-Begin`` and ``X-Output-End`` tell
    where in the output the text begins and ends, in characters.
    """
    start = request.GET.get("from", "0")
    if not start.isdecimal() or len(start) > 9:
        return HttpResponseBadRequest("from: give a number of characters, 0 or more.")
    record = _found(request, pk)
    execution = get_object_or_404(
        ToolExecution.objects.whoever_asks().filter(task_execution__run=record), pk=execution_id
    )
    at_most = OUTPUT_AT_MOST if "from" in request.GET else None
    offset, text = transcript.read(execution, int(start), at_most=at_most)
    return HttpResponse(
        text,
        content_type="text/plain; charset=utf-8",
        headers={
            "X-Output-Begin": str(offset),
            "X-Output-End": str(offset + len(text)),
            # Whatever a tool prints, no browser takes it for a page or a script.
            "X-Content-Type-Options": "nosniff",
        },
    )


@login_required
@require_POST
def run_start(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for a run of the crew. The form's ``idempotency_key`` makes a double click one run."""
    crew = _permitted(request, Crew.objects, "operable_by", pk, "start its runs")
    form = RunRequestForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The form was not complete. Reload the page and try again.")
        return redirect(crew)
    try:
        record = Run.objects.request(crew=crew, user=request.user, **form.cleaned_data)
    except IllegalMove as refusal:
        messages.error(request, str(refusal))
        return redirect(crew)
    return redirect(record)


@login_required
@require_POST
def run_cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End a queued run, ask the worker of a running one to; an ended run stays as it is."""
    record = _permitted(request, Run.objects, "operable_by", pk, "cancel its runs")
    record.cancel()
    if record.is_over and record.reason != "cancelled":
        messages.info(request, f"The run had already ended: {record.get_status_display().lower()}.")
    return redirect(record)


@login_required
@require_POST
def run_retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Run an ended run again, with ``from_failed=on`` from its failed task; leads to the new run."""
    record = _permitted(request, Run.objects, "operable_by", pk, "start its runs")
    form = RetryForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The form was not complete. Reload the page and try again.")
        return redirect(record)
    try:
        return redirect(record.run_again(user=request.user, **form.cleaned_data))
    except IllegalMove as refusal:
        messages.error(request, str(refusal))
        return redirect(record)


@login_required
@require_POST
def run_share(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Open the run to everybody who has its link (``public=on``), or close it again."""
    record = _permitted(request, Run.objects, "managed_by", pk, "share its runs")
    form = ShareForm(request.POST)
    if form.is_valid():
        record.share(form.cleaned_data["public"])
    return redirect(record)


def _readable(request: HttpRequest) -> QuerySet[Run]:
    """Runs the reader may open, with what the reader may do with each."""
    same = {"pk": OuterRef("pk")}
    runs = Run.objects.readable_by(request.user).select_related("crew", "started_by", "parent")
    return runs.defer("parent__plan").annotate(
        is_member=Exists(Run.objects.visible_to(request.user).filter(**same)),
        may_operate=Exists(Run.objects.operable_by(request.user).filter(**same)),
        may_manage=Exists(Run.objects.managed_by(request.user).filter(**same)),
    )


def _found(request: HttpRequest, pk: UUID) -> Run:
    record = get_object_or_404(_readable(request), pk=pk)
    bind_contextvars(**record.log_ids)
    return record


def _context(request: HttpRequest, page: RunPage) -> dict[str, Any]:
    return {
        "page": page,
        "run": page.run,
        "public_url": request.build_absolute_uri(page.run.get_absolute_url()),
    }


def _permitted(request: HttpRequest, objects: ScopedQuerySet, scope: str, pk: UUID, act: str):
    """The object, if the user's role allows it: 404 for what is not theirs to see, else 403."""
    if record := getattr(objects, scope)(request.user).filter(pk=pk).first():
        bind_contextvars(**record.log_ids)
        return record
    get_object_or_404(objects.visible_to(request.user), pk=pk)
    raise PermissionDenied(
        f"Your role lets you watch this crew but not {act}. Ask an admin of the organization."
    )
