"""The page that compares two runs of a crew, with the crew's newest runs."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from crews.lookups import record_or_404
from crews.text import is_uuid
from runs.models import Run
from runs.pages.comparison import Comparison
from runs.pages.running_wait_reasons import with_wait_reason
from runs.pages.trend import RUNS_AT_MOST, Trend, flaky_steps

NOT_COMPARABLE = "with: give the id of another run of the same crew."


@never_cache
@login_required
@require_safe
def run_compare(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The run beside another one of its crew: ``?with=``, by default the run before it.

    ``?step=`` is the id of a tool or model call of either run, which is shown with all that
    differs. Members only, so it names people and shows the answers of models. A run of another
    crew, or one that the user may not see, is not found.
    """
    visible = with_wait_reason(Run.objects.visible_to(request.user).for_lists())
    run = record_or_404(visible, pk)
    of_crew = visible.filter(crew=run.crew_id)
    newest = list(of_crew[:RUNS_AT_MOST])
    other = _other(request, run, of_crew)
    context = {"run": run, "other": other, "runs": newest}
    if other:
        # The earlier run comes first, whichever the address names first.
        before, after = sorted((run, other), key=lambda one: (one.created_at, str(one.pk)))
        step = request.GET.get("step", "")
        comparison = Comparison(before, after, at=step if is_uuid(step) else "")
        marks = {before.pk: "A", after.pk: "B"}
        context |= {"comparison": comparison, "before": before, "after": after}
    else:
        marks = {run.pk: "A"}
    context |= {"trend": Trend(newest, marks), "flaky": flaky_steps(newest)}
    return render(request, "runs/compare.html", context)


def _other(request: HttpRequest, run: Run, of_crew: QuerySet[Run]) -> Run | None:
    asked = request.GET.get("with")
    if asked:
        found = is_uuid(asked) and asked != str(run.pk) and of_crew.filter(pk=asked).first()
        if not found:
            raise Http404(NOT_COMPARABLE)
        return found
    earlier = of_crew.filter(created_at__lte=run.created_at).exclude(pk=run.pk)
    return earlier.first()
