"""The page on which a crew is edited by forms. It works without JavaScript.

The buttons that add, move, copy and delete send the whole form. The server answers the page with
the draft changed; nothing is stored until the user saves.
"""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from crews.models import Crew, Organization
from crews.pages.decorators import require_GET_or_POST
from runs.crew_files.applying import Applied, Stale, apply, difference
from runs.crew_files.checking import check
from runs.crew_files.faults import Fault, InvalidDescription
from runs.crew_files.writing import digest
from runs.editor.access import crew_to_edit, organizations_to_edit
from runs.editor.draft import MAX_PARTS, TOO_MANY, Draft, of_crew, of_post
from runs.editor.duplicating import (
    GONE,
    copied_from,
    copied_in_words,
    crew_to_duplicate,
    rules_left_behind,
)
from runs.editor.form import EditForm
from runs.editor.moves import COPY, NAME_CHARS, InvalidAction, act
from runs.models.budget_alert import WARNED_FROM_TEXT

SAVED = "{} is saved. Runs that are active keep their plan."


@never_cache
@login_required
@require_GET_or_POST
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
@require_GET_or_POST
def new(request: HttpRequest) -> HttpResponse:
    """The form of a new crew; ``?from=`` names one to begin with, ``?organization=`` its owner."""
    organizations = organizations_to_edit(request.user)
    first = next(iter(organizations.values()))
    begun = request.GET.get("from", "")
    source = crew_to_duplicate(request.user, begun) if begun else None
    if request.method == "POST":
        slug = request.POST.get("organization", "")
        organization = organizations.get(slug)
        draft = of_post(request.POST, organization=slug)
        if organization is None:
            fault = Fault(("organization",), "Choose an organization of which you are an admin.")
        elif begun and source is None:
            fault = Fault((), GONE)
        else:
            return _act(request, draft, organization, source=source)
        return _page(request, draft, organization or first, faults=[fault], status=400)
    if source:
        return _duplicate(request, source)
    if begun:
        raise Http404
    organization = organizations.get(request.GET.get("organization", ""), first)
    return _page(request, Draft(organization.slug), organization)


def _duplicate(request: HttpRequest, crew: Crew) -> HttpResponse:
    draft, _ = of_crew(crew)
    if draft.parts > MAX_PARTS:
        messages.info(request, TOO_MANY)
        return redirect("crew-file", pk=crew.pk)
    draft.name, draft.slug = f"{COPY}{draft.name}"[:NAME_CHARS], ""
    return _page(request, draft, crew.organization)


def _act(
    request: HttpRequest,
    draft: Draft,
    organization: Organization,
    crew: Crew | None = None,
    source: Crew | None = None,
) -> HttpResponse:
    """``crew``: the one that is edited. ``source``: the one that is duplicated."""
    action = request.POST.get("action", "save")
    if action == "save":
        return _save(request, draft, organization, crew, source)
    try:
        focus = act(draft, action)
    except InvalidAction as refused:
        messages.error(request, str(refused))
        focus = ""
    return _page(request, draft, organization, crew, focus=focus, is_changed=True)


def _save(
    request: HttpRequest,
    draft: Draft,
    organization: Organization,
    crew: Crew | None,
    source: Crew | None,
) -> HttpResponse:
    try:
        description = check(draft.describe()) | (copied_from(source) if source else {})
        applied = _apply(request, draft, description, organization, crew)
    except InvalidDescription as refused:
        return _page(request, draft, organization, crew, faults=refused.faults, status=400)
    except Stale as stale:
        draft.seen = digest(stale.current)
        theirs = difference(stale.current, description)
        return _page(request, draft, organization, crew, theirs=theirs, status=409)
    saved = SAVED.format(applied.crew)
    messages.success(request, saved if applied.diff else "There was nothing to change.")
    if source:
        if copied := copied_in_words(description, source):
            messages.info(request, copied)
        for warning in applied.warnings:
            messages.warning(request, warning)
        if warning := rules_left_behind(request.user, source, organization):
            messages.warning(request, warning)
    return redirect(applied.crew)


def _apply(
    request: HttpRequest,
    draft: Draft,
    description: dict,
    organization: Organization,
    crew: Crew | None,
) -> Applied:
    if crew is None:
        return apply(description, None, organization, by=request.user)
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
        "warned_from": WARNED_FROM_TEXT,
        "theirs": theirs,
        "is_changed": is_changed or status != 200,
    }
    return render(request, "crews/crew_edit.html", context, status=status)
