"""The pages of approvals: what waits for a person, in all crews of the user."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from structlog.contextvars import bind_contextvars

from crews.keyset import KeysetPage
from crews.pages.decorators import require_GET_or_POST
from runs.models import Approval, InvalidState
from runs.models.approval import DECISIONS
from runs.pages.context_processors import pending_approvals
from runs.pages.forms import ApprovalFilterForm, DecisionForm
from runs.pages.live import render_live

PER_PAGE = 25
NEWEST_FIRST = ("-requested_at", "-pk")
WHOLE_CHARS = 4_000  # a longer call is shown whole, and decided, on a page of its own


@login_required
@require_safe
@never_cache
@vary_on_headers("X-Fragment")
def approval_list(request: HttpRequest) -> HttpResponse:
    """The calls that wait, newest first; ``?status=`` shows those that were decided."""
    form = ApprovalFilterForm(request.GET, user=request.user)
    approvals = form.filter(Approval.objects.visible_to(request.user)).for_lists()
    page = KeysetPage(approvals, request.GET, ordering=NEWEST_FIRST, size=PER_PAGE)
    _describe(request, page.rows)
    context = {"form": form, "page": page, "pending": pending_approvals(request)}
    return render_live(request, "runs/approvals", context)


@login_required
@require_safe
@never_cache
def approvals_pending(request: HttpRequest) -> JsonResponse:
    """The number of calls that wait, for the header."""
    return JsonResponse({"pending": pending_approvals(request)})


@login_required
@require_GET_or_POST
@never_cache
@vary_on_headers("X-Fragment")
def approval(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One call with its whole parameters. A POST decides about it."""
    record = get_object_or_404(Approval.objects.visible_to(request.user).for_lists(), pk=pk)
    bind_contextvars(**record.run.log_ids)
    _describe(request, [record], are_whole=True)
    if request.method != "POST":
        return render_live(request, "runs/approval", {"approval": record})
    if refusal := Approval.objects.refusal(request.user, pk):
        raise PermissionDenied(refusal)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The form was not complete. Load the page again and decide.")
        return redirect(record)
    given = form.cleaned_data
    try:
        record.decide(
            DECISIONS[given["decision"]],
            by=request.user.get_username(),
            seen=given["seen"],
            note=given["note"],
        )
    except InvalidState as refusal:
        messages.error(request, str(refusal))
        return redirect(record)
    messages.success(request, f"{record.get_status_display()}: {record}.")
    return redirect(f"{reverse('approvals')}?{given['back']}".rstrip("?"))


def _describe(request: HttpRequest, rows: list[Approval], *, are_whole: bool = False) -> None:
    """Set ``may_decide``, ``length`` and ``is_whole`` of each row."""
    ids = [row.pk for row in rows if row.is_pending]
    decidable: QuerySet[Approval] = Approval.objects.decidable_by(request.user)
    mine = set(decidable.filter(pk__in=ids).order_by().values_list("pk", flat=True)) if ids else ()
    for row in rows:
        row.may_decide = row.pk in mine
        row.length = len(str(row.params))
        row.is_whole = are_whole or row.length <= WHOLE_CHARS
