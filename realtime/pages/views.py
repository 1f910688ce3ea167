"""The live pages: complete when they are served, and updated when the sockets report a change.

With the header ``X-Fragment`` a view answers only the part of the page that changes, and the
browser replaces it. So a page and its updates come from one view, one template and one access
check. A crew page sends the shape of its graph in the header, and gets agents and tasks only if
they have changed.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from crews.demo.reported import is_offered_for
from crews.lookups import record_or_404
from crews.models import Crew, Organization, Role, Task
from crews.pages.permissions import rights_with, with_role
from crews.text import is_uuid
from realtime.pages.crew_page import CrewPage, start_refusal, usage_of
from runs.execution import budget_amounts, budget_starts
from runs.models import Run, Worker
from runs.pages import budget_rows
from runs.pages.live import render_live
from runs.pages.running_wait_reasons import with_wait_reason

RUNS_ON_DASHBOARD = 12
RUNS_ON_CREW = 8
COUNTED_RUNS = 1_000  # runs at most; the page then shows "or more"


def live_page(view):
    """For signed-in users, read-only, and not shown from a cache after signing out."""
    return require_safe(login_required(never_cache(vary_on_headers("X-Fragment")(view))))


@live_page
def dashboard(request: HttpRequest) -> HttpResponse:
    runs = Run.objects.visible_to(request.user)
    crews = _crews_with_last_run(request.user)
    roles = set(request.user.memberships.order_by().values_list("role", flat=True))
    context = {
        "request_key": uuid4(),  # pressing Start twice on one page starts one run
        "crews": crews,
        "has_organization": bool(roles),
        "site_has_organization": (
            not crews  # only then it is shown
            and request.user.is_superuser
            and Organization.objects.unscoped().exists()
        ),
        "may_create": request.user.is_superuser or Role.ADMIN in roles,
        "may_have_demo": settings.DEBUG,
        "demo_crew": next((crew.pk for crew in crews if is_offered_for(crew)), None),
        "operable": set(Crew.objects.operable_by(request.user).values_list("pk", flat=True)),
        "runs": with_wait_reason(runs.for_lists())[:RUNS_ON_DASHBOARD],
        "busy": sum(crew.status == Crew.Status.BUSY for crew in crews),
        "failing": sum(run.status == Run.Status.FAILED for crew in crews for run in crew.last_run),
        "today": _today(runs),
    }
    return render_live(request, "crews/dashboard", context)


@live_page
def crew(request: HttpRequest, pk: UUID) -> HttpResponse:
    crews = with_role(Crew.objects.visible_to(request.user), request.user)
    crews = crews.annotate(next_run_at=F("schedule__next_at")).select_related("organization")
    crew = record_or_404(crews, pk)
    _, crew.may_operate, crew.may_manage = rights_with(request.user, crew.role)
    page = CrewPage(crew)
    own = Run.objects.visible_to(request.user).for_lists().filter(crew=crew)
    runs = list(with_wait_reason(own)[:RUNS_ON_CREW])
    worker_alive = Worker.objects.alive().exists()
    day = budget_amounts.amounts_of_day(crew, timezone.now())
    budget_used_up = budget_starts.start_refusal_reason(crew, day)
    refusal = start_refusal(
        crew,
        has_tasks=bool(page.tasks),
        may_operate=crew.may_operate,
        worker_alive=worker_alive,
        budget_used_up=budget_used_up,
    )
    # Nothing is planned in it: a program decides what its runs do.
    is_reported = not page.tasks and any(run.is_reported for run in runs[:1])
    may_start_demo = crew.may_operate and is_offered_for(crew)
    context = {
        "request_key": uuid4(),  # pressing Start twice on one page starts one run
        "crew": crew,
        "page": page,
        "runs": runs,
        "replay_run": _run_to_replay(request, crew, runs),
        "usage": usage_of(runs),
        "budget": budget_rows.rows_of_day(day),
        "budget_used_up": budget_used_up,
        "has_same_shape": request.headers.get("X-Fragment") == page.shape,
        "is_reported": is_reported,
        "worker_alive": worker_alive,
        "may_start_demo": may_start_demo,
        "shows_tasks": bool(page.tasks) or not (is_reported or may_start_demo),
        "start_refusal": refusal,
    }
    return render_live(request, "crews/crew", context)


def _run_to_replay(request: HttpRequest, crew: Crew, runs: list[Run]) -> Run | None:
    """The run whose past the page shows: the newest, or the crew's run that the address names."""
    asked = request.GET.get("run")
    if asked is None:
        return runs[0] if runs else None
    if not is_uuid(asked):
        return None
    return Run.objects.visible_to(request.user).for_lists().filter(crew=crew, pk=asked).first()


def _crews_with_last_run(user: Any) -> list[Crew]:
    """The visible crews with ``agents``, ``task_count``, and a list ``last_run`` of 0 or 1."""
    last = Run.objects.unscoped().filter(crew=OuterRef("pk"), deleted_at=None)
    last = last.order_by("-created_at", "-pk")
    tasks = Task.objects.unscoped().filter(crew=OuterRef("pk")).order_by().values("crew")
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
    by_id = with_wait_reason(Run.objects.unscoped().for_lists()).in_bulk(newest)  # of visible crews
    for crew in crews:
        crew.last_run = [by_id[crew.last_run_id]] if crew.last_run_id in by_id else []
    return crews


def _today(runs: QuerySet[Run]) -> dict[str, Any]:
    """The number of runs requested in 24 hours, and of ``failed`` ones.

    ``more``: whether there are more than the newest ``COUNTED_RUNS``, which are counted.
    """
    recent = runs.filter(created_at__gte=timezone.now() - timedelta(days=1)).order_by("-created_at")
    statuses = list(recent.values_list("status", flat=True)[: COUNTED_RUNS + 1])
    counted = statuses[:COUNTED_RUNS]
    return {
        "runs": len(counted),
        "failed": counted.count(Run.Status.FAILED),
        "more": len(statuses) > COUNTED_RUNS,
    }
