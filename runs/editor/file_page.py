"""The page with a crew as YAML: download it, change it, upload it. Nothing is changed unseen."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from crews.models import Crew, Organization
from crews.pages.decorators import require_GET_or_POST
from runs.crew_files.applying import Applied, Stale, apply
from runs.crew_files.checking import load
from runs.crew_files.faults import Fault, InvalidDescription
from runs.crew_files.reading import MAX_BYTES, decoded
from runs.crew_files.writing import Description, describe, digest, optional_of, text_of
from runs.editor.access import crew_to_edit, organizations_to_edit

STALE = (
    "Somebody else has changed the crew since you checked the file. This is what the file changes "
    "now. Check it again."
)


@dataclass
class Upload:
    """The data of a POST: ``text``, and whether exactly this text was checked and confirmed."""

    text: str
    is_confirmed: bool = False
    seen: str = ""
    faults: list[Fault] = field(default_factory=list)
    diff: str = ""

    @property
    def mark(self) -> str:
        return _mark(self.text)


@login_required
@require_safe
@never_cache
def download(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The crew as a file."""
    crew = crew_to_edit(request, pk)
    response = HttpResponse(text_of(describe(crew)), content_type="application/yaml; charset=utf-8")
    name = f"{crew.organization.slug}-{crew.slug}.yaml"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@never_cache
@login_required
@require_GET_or_POST
def crew_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The crew as YAML. A POST shows the effect of a changed text, and then applies it."""
    crew = crew_to_edit(request, pk)
    if request.method != "POST":
        return _page(request, crew, Upload(text_of(describe(crew))))
    return _take(request, crew)


@never_cache
@login_required
@require_GET_or_POST
def new_crew_file(request: HttpRequest) -> HttpResponse:
    """The same for a crew that is not there yet: the file names its organization and its slug."""
    organizations_to_edit(request.user)
    if request.method != "POST":
        return _page(request, None, Upload(""))
    return _take(request, None)


def _take(request: HttpRequest, crew: Crew | None) -> HttpResponse:
    upload = Upload("")
    try:
        upload = _upload(request)
        description, lines = load(upload.text)
        try:
            applied = _apply(request, description, crew, upload)
        except InvalidDescription as refused:
            raise refused.with_lines(lines) from None
    except InvalidDescription as refused:
        upload.faults = refused.faults
        if crew and not upload.text:
            upload.text = text_of(describe(crew))
        return _page(request, crew, upload, status=400)
    for warning in applied.warnings:
        messages.warning(request, warning)
    if upload.is_confirmed and applied.crew:
        done = "is created" if applied.is_new else "is changed"
        messages.success(request, f"{applied.crew} {done}. Runs that are active keep their plan.")
        return redirect(applied.crew)
    if not applied.diff:
        messages.info(request, "The text describes the crew as it is. There is nothing to change.")
    upload.diff = applied.diff
    return _page(request, crew, upload)


def _apply(
    request: HttpRequest, description: Description, crew: Crew | None, upload: Upload
) -> Applied:
    organization, by = _organization(request, description["organization"], crew), request.user
    if upload.is_confirmed:
        try:
            return apply(description, crew, organization, seen=upload.seen or None, by=by)
        except Stale:
            messages.warning(request, STALE)
            upload.is_confirmed = False
    upload.seen = digest(describe(crew, optional_of(description))) if crew else ""
    return apply(description, crew, organization, by=by, dry_run=True)


def _organization(request: HttpRequest, slug: str, crew: Crew | None) -> Organization:
    if crew:
        return crew.organization
    managed = organizations_to_edit(request.user)
    if slug in managed:
        return managed[slug]
    known = ", ".join(list(managed)[:20])
    message = f"You are an admin of no organization {slug!r}. Write one of: {known}."
    raise InvalidDescription([Fault(("organization",), message)])


def _upload(request: HttpRequest) -> Upload:
    """Raises ``InvalidDescription`` for a file that is too large or no text."""
    file = request.FILES.get("file")
    text = decoded(file.read(MAX_BYTES + 1)) if file else request.POST.get("text", "")
    text = text.replace("\r\n", "\n")
    is_confirmed = (
        not file
        and request.POST.get("action") == "apply"
        and request.POST.get("checked") == _mark(text)
    )
    return Upload(text, is_confirmed, request.POST.get("seen", ""))


def _page(
    request: HttpRequest, crew: Crew | None, upload: Upload, *, status: int = 200
) -> HttpResponse:
    lines = [(_kind(line), line) for line in upload.diff.splitlines()[2:]]
    context: dict[str, Any] = {
        "crew": crew,
        "upload": upload,
        "lines": lines,
        "max_kib": MAX_BYTES // 1024,
    }
    return render(request, "crews/crew_file.html", context, status=status)


def _kind(line: str) -> str:
    return {"+": "added", "-": "removed", "@": "place"}.get(line[:1], "")


def _mark(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()
