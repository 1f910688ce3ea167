"""The page on which a crew is edited by forms. It works without JavaScript.

The buttons that add, move, copy and delete send the whole form. The server answers the page with
the draft changed; nothing is stored until the user saves.
"""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from crews.models import Crew, Organization
from runs.crew_files.applying import Applied, Stale, apply, difference
from runs.crew_files.checking import check
from runs.crew_files.faults import Fault, Invalid
from runs.crew_files.writing import digest
from runs.editor.access import crew_to_edit, organizations_to_edit
from runs.editor.draft import MAX_PARTS, TOO_MANY, Draft, of_crew, of_post
from runs.editor.form import EditForm
from runs.editor.moves import COPY, NAME_CHARS, Refused, act

READING_OR_POSTING = ["GET", "HEAD", "POST"]
SAVED = "{} is saved. Runs that are active keep their plan."


@never_cache
@login_required
@require_http_methods(READING_OR_POSTING)
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A crew's form. A POST changes the draft, or with ``action=save`` the crew."""
    crew = crew_to_edit(request, pk)
    if request.method == "POST":
        draft = of_post(request.POST, organization=crew.organization.slug, slug=crew.slug)
        return _act(request, draft, crew.organization, crew)
    draft, description = of_crew(crew)
    if draft.parts > MAX_PARTS:
        messages.info(request, TOO_MANY)
        return redirect("crew-file", pk=pk)
    draft.seen = digest(description)
    return _page(request, draft, crew.organization, crew)


@never_cache
@login_required
@require_http_methods(READING_OR_POSTING)
def new(request: HttpRequest) -> HttpResponse:
    """The form of a new crew; ``?from=`` names one to begin with, ``?organization=`` its owner."""
    organizations = organizations_to_edit(request.user)
    first = next(iter(organizations.values()))
    if request.method == "POST":
        slug = request.POST.get("organization", "")
        organization = organizations.get(slug)
        draft = of_post(request.POST, organization=slug)
        if organization is None:
            fault = Fault(("organization",), "Choose an organization of which you are an admin.")
            return _page(request, draft, first, faults=[fault], status=400)
        return _act(request, draft, organization)
    if begun := request.GET.get("from"):
        return _duplicate(request, begun)
    organization = organizations.get(request.GET.get("organization", ""), first)
    return _page(request, Draft(organization.slug), organization)


def _duplicate(request: HttpRequest, begun: str) -> HttpResponse:
    managed = Crew.objects.managed_by(request.user).select_related("organization")
    try:
        crew = get_object_or_404(managed, pk=UUID(begun))
    except ValueError:
        crew = get_object_or_404(managed.none())
    draft, _ = of_crew(crew)
    if draft.parts > MAX_PARTS:
        messages.info(request, TOO_MANY)
        return redirect("crew-file", pk=crew.pk)
    draft.name, draft.slug = f"{COPY}{draft.name}"[:NAME_CHARS], ""
    return _page(request, draft, crew.organization)


def _act(
    request: HttpRequest, draft: Draft, organization: Organization, crew: Crew | None = None
) -> HttpResponse:
    action = request.POST.get("action", "save")
    if action == "save":
        return _save(request, draft, organization, crew)
    try:
        focus = act(draft, action)
    except Refused as refused:
        messages.error(request, str(refused))
        focus = ""
    return _page(request, draft, organization, crew, focus=focus, is_changed=True)


def _save(
    request: HttpRequest, draft: Draft, organization: Organization, crew: Crew | None
) -> HttpResponse:
    try:
        description = check(draft.describe())
        applied = _apply(draft, description, organization, crew)
    except Invalid as refused:
        return _page(request, draft, organization, crew, faults=refused.faults, status=400)
    except Stale as stale:
        draft.seen = digest(stale.current)
        theirs = difference(stale.current, description)
        return _page(request, draft, organization, crew, theirs=theirs, status=409)
    saved = SAVED.format(applied.crew)
    messages.success(request, saved if applied.diff else "There was nothing to change.")
    return redirect(applied.crew)


def _apply(
    draft: Draft, description: dict, organization: Organization, crew: Crew | None
) -> Applied:
    if crew is None:
        return apply(description, None, organization)
    ids = [task.id for task in draft.tasks]
    return apply(description, crew, organization, seen=draft.seen, task_ids=ids)


def _page(
    request: HttpRequest,
    draft: Draft,
    organization: Organization,
    crew: Crew | None = None,
    *,
    faults: list[Fault] | None = None,
    focus: str = "",
    theirs: str | None = None,
    is_changed: bool = False,
    status: int = 200,
) -> HttpResponse:
    form = EditForm(
        draft,
        secrets=organization.secrets.only("name", "host"),
        faults=faults or (),
        focus=focus,
        is_new=crew is None,
    )
    context = {
        "crew": crew,
        "organization": organization,
        "organizations": () if crew else organizations_to_edit(request.user).values(),
        "form": form,
        "theirs": theirs,
        "is_changed": is_changed or status != 200,
    }
    return render(request, "crews/crew_edit.html", context, status=status)
