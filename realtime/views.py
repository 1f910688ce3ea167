"""The live pages: complete when they are served, kept up to date by the sockets.

With the header ``X-Fragment`` a page answers only the part of it that changes; the browser puts that
in place of what it shows. So a page and its updates come from one view, one template and one check of
who may see it.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from structlog.contextvars import bind_contextvars

from crews.models import Crew
from realtime.crew_page import CrewPage, start_refusal
from runs.models import Run, Worker

RUNS_ON_DASHBOARD = 12
RUNS_ON_CREW = 8


def live_page(view):
    """For signed-in people only, read-only, and never shown from a cache after signing out."""
    return require_safe(login_required(never_cache(vary_on_headers("X-Fragment")(view))))


@live_page
def dashboard(request: HttpRequest) -> HttpResponse:
    crews = Crew.objects.visible_to(request.user).select_related("organization")
    crews = (
        crews.annotate(task_count=Count("tasks"))
        .order_by("organization__name", "organization", "name", "pk")
        .prefetch_related(
            "agents", Prefetch("runs", Run.objects.with_progress()[:1], to_attr="last_run")
        )
    )
    runs = Run.objects.visible_to(request.user)
    context = {
        "crews": crews,
        "has_organization": request.user.memberships.exists(),
        "operable": set(Crew.objects.operable_by(request.user).values_list("pk", flat=True)),
        "runs": runs.with_progress()[:RUNS_ON_DASHBOARD],
        "busy": sum(crew.status == Crew.Status.BUSY for crew in crews),
        "failing": sum(run.status == Run.Status.FAILED for crew in crews for run in crew.last_run),
        "today": runs.filter(created_at__gte=timezone.now() - timedelta(days=1)).aggregate(
            runs=Count("pk"), failed=Count("pk", filter=Q(status=Run.Status.FAILED))
        ),
    }
    return render_live(request, "dashboard", context)


@live_page
def crew(request: HttpRequest, pk: UUID) -> HttpResponse:
    crew = get_object_or_404(
        Crew.objects.visible_to(request.user).select_related("organization"), pk=pk
    )
    bind_contextvars(**crew.log_ids)
    refusal = start_refusal(
        crew,
        may_operate=Crew.objects.operable_by(request.user).filter(pk=pk).exists(),
        worker_alive=Worker.objects.alive().exists(),
    )
    context = {
        "crew": crew,
        "page": CrewPage(crew),
        "runs": Run.objects.visible_to(request.user)
        .filter(crew=crew)
        .with_progress()[:RUNS_ON_CREW],
        "start_refusal": refusal,
    }
    return render_live(request, "crew", context)


def render_live(request: HttpRequest, page: str, context: dict[str, Any]) -> HttpResponse:
    is_update = "X-Fragment" in request.headers
    template = "_fragment.html" if is_update else f"{page}.html"
    context |= {
        "is_update": is_update,
        "live_template": f"_{page}.html",
        "request_key": uuid4(),  # pressing Start twice on one page is one run
    }
    return render(request, template, context)
