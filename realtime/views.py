"""The live pages: complete when they are served, kept up to date by the sockets.

With the header ``X-Fragment`` a page answers only the part of it that changes; the browser puts that
in place of what it shows. So a page and its updates come from one view, one template and one check of
who may see it.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from structlog.contextvars import bind_contextvars

from crews.models import Crew, Organization, Task
from realtime.crew_page import CrewPage, start_refusal
from runs.models import Run, Worker

RUNS_ON_DASHBOARD = 12
RUNS_ON_CREW = 8
COUNTED = 1_000  # runs at most; beyond that the page says: or more


def live_page(view):
    """For signed-in people only, read-only, and never shown from a cache after signing out."""
    return require_safe(login_required(never_cache(vary_on_headers("X-Fragment")(view))))


@live_page
def dashboard(request: HttpRequest) -> HttpResponse:
    runs = Run.objects.visible_to(request.user)
    crews = _crews_with_last_run(request.user)
    context = {
        "crews": crews,
        "has_organization": request.user.memberships.exists(),
        "site_has_organization": (
            not crews  # only then it is shown
            and request.user.is_superuser
            and Organization.objects.whoever_asks().exists()
        ),
        "may_have_demo": settings.DEBUG,
        "operable": set(Crew.objects.operable_by(request.user).values_list("pk", flat=True)),
        "runs": runs.for_lists()[:RUNS_ON_DASHBOARD],
        "busy": sum(crew.status == Crew.Status.BUSY for crew in crews),
        "failing": sum(run.status == Run.Status.FAILED for crew in crews for run in crew.last_run),
        "today": _today(runs),
    }
    return render_live(request, "dashboard", context)


@live_page
def crew(request: HttpRequest, pk: UUID) -> HttpResponse:
    crew = get_object_or_404(
        Crew.objects.visible_to(request.user).select_related("organization"), pk=pk
    )
    bind_contextvars(**crew.log_ids)
    page = CrewPage(crew)
    refusal = start_refusal(
        crew,
        has_tasks=bool(page.tasks),
        may_operate=Crew.objects.operable_by(request.user).filter(pk=pk).exists(),
        worker_alive=Worker.objects.alive().exists(),
    )
    context = {
        "crew": crew,
        "page": page,
        "runs": Run.objects.visible_to(request.user).for_lists().filter(crew=crew)[:RUNS_ON_CREW],
        "start_refusal": refusal,
    }
    return render_live(request, "crew", context)


def _crews_with_last_run(user: Any) -> list[Crew]:
    """The visible crews with ``agents``, ``task_count``, and in ``last_run`` none or one run."""
    last = Run.objects.whoever_asks().filter(crew=OuterRef("pk")).order_by("-created_at", "-pk")
    tasks = Task.objects.whoever_asks().filter(crew=OuterRef("pk")).order_by().values("crew")
    crews = list(
        Crew.objects.visible_to(user)
        .select_related("organization")
        .annotate(
            last_run_id=Subquery(last.values("pk")[:1]),
            task_count=Coalesce(Subquery(tasks.annotate(n=Count("pk")).values("n")), 0),
        )
        .order_by("organization__name", "organization", "name", "pk")
        .prefetch_related("agents")
    )
    newest = [crew.last_run_id for crew in crews if crew.last_run_id]
    by_id = Run.objects.whoever_asks().for_lists().in_bulk(newest)  # of crews that are visible
    for crew in crews:
        crew.last_run = [by_id[crew.last_run_id]] if crew.last_run_id in by_id else []
    return crews


def _today(runs: QuerySet[Run]) -> dict[str, Any]:
    """How many runs were asked for in 24 hours, and ``failed``; of the newest ``COUNTED``, if ``more``."""
    recent = runs.filter(created_at__gte=timezone.now() - timedelta(days=1)).order_by("-created_at")
    statuses = list(recent.values_list("status", flat=True)[: COUNTED + 1])
    counted = statuses[:COUNTED]
    return {
        "runs": len(counted),
        "failed": counted.count(Run.Status.FAILED),
        "more": len(statuses) > COUNTED,
    }


def render_live(request: HttpRequest, page: str, context: dict[str, Any]) -> HttpResponse:
    is_update = "X-Fragment" in request.headers
    template = "_fragment.html" if is_update else f"{page}.html"
    context |= {
        "is_update": is_update,
        "live_template": f"_{page}.html",
        "request_key": uuid4(),  # pressing Start twice on one page is one run
    }
    return render(request, template, context)
