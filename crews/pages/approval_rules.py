"""The page with the approval rules of a crew: which tool calls wait for a person."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from crews.digests import digest
from crews.lookups import record_or_404
from crews.models import ApprovalRule, Crew
from crews.pages.decorators import require_GET_or_POST

ADMINS_EDIT_RULES = "Admins of the organization edit approval rules. Ask one of them."


class RuleForm(forms.ModelForm):
    """A new rule of a crew or of all crews of its organization, or an existing one to edit."""

    everywhere = forms.BooleanField(required=False)

    class Meta:
        model = ApprovalRule
        fields = ["tool", "params", "agent_id", "expires_after_s", "admins_only"]

    def __init__(self, *args, crew: Crew, instance: ApprovalRule | None = None) -> None:
        initial = {"everywhere": bool(instance and instance.crew_id is None)}
        super().__init__(*args, instance=instance, initial=initial)
        self.instance.organization = crew.organization
        self.instance.crew = crew

    def clean(self) -> dict:
        if self.cleaned_data.get("everywhere"):
            self.instance.crew = None
        return super().clean()

    @property
    def focus(self) -> str:
        """The field that gets the focus: the first with an error, or the first of an edited rule.

        Empty for a new rule: there the list of the rules comes first.
        """
        wrong = [name for name in self.fields if name in self.errors]
        return wrong[0] if wrong else "" if self.instance._state.adding else "tool"


def seen_digest(rule: ApprovalRule | None) -> str:
    """The digest of all that the form edits; empty for a new rule."""
    names = ("crew_id", *RuleForm.Meta.fields)
    return digest([getattr(rule, name) for name in names]) if rule else ""


@never_cache
@login_required
@require_GET_or_POST
def rules(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The rules that apply to the crew. ``?edit=`` names one for the form.

    A POST by an admin saves that one, or adds one.
    """
    crews = Crew.objects.visible_to(request.user).select_related("organization")
    crew = record_or_404(crews, pk)
    manages = Crew.objects.managed_by(request.user).filter(pk=pk).exists()
    if request.method == "POST":
        if not manages:
            raise PermissionDenied(ADMINS_EDIT_RULES)
        with transaction.atomic():
            return _save(request, crew, _edited(request, crew, is_locked=True))
    if not manages:
        return _page(request, crew)
    rule = _edited(request, crew)
    seen = seen_digest(rule)
    return _page(request, crew, RuleForm(crew=crew, instance=rule), seen=seen)


def _edited(request: HttpRequest, crew: Crew, *, is_locked: bool = False) -> ApprovalRule | None:
    """The rule that ``?edit=`` names; ``None`` without it. Raises ``Http404``."""
    if not (named := request.GET.get("edit")):
        return None
    found = ApprovalRule.objects.managed_by(request.user).of_crew(crew)
    if is_locked:
        found = found.select_for_update(of=("self",))
    try:
        return get_object_or_404(found, pk=UUID(named))
    except ValueError:
        raise Http404 from None


def _save(request: HttpRequest, crew: Crew, rule: ApprovalRule | None) -> HttpResponse:
    """Save the form as ``rule``, which is locked, or as a new rule."""
    now, seen = seen_digest(rule), request.POST.get("seen", "")
    form = RuleForm(request.POST, crew=crew, instance=rule)
    if not form.is_valid():
        return _page(request, crew, form, seen=seen, status=400)
    if rule and now not in (seen, seen_digest(form.instance)):
        return _page(request, crew, form, seen=now, is_stale=True, status=409)
    saved = form.save()
    if saved.is_enabled:
        messages.success(request, f"Calls that match {saved} wait for approval from now on.")
    else:
        messages.success(request, f"The rule {saved} is saved. It is switched off.")
    if warning := saved.warning():
        messages.warning(request, warning)
    return redirect("approval-rules", pk=crew.pk)


def _page(
    request: HttpRequest,
    crew: Crew,
    form: RuleForm | None = None,
    *,
    seen: str = "",
    is_stale: bool = False,
    status: int = 200,
) -> HttpResponse:
    """``form`` is for admins. After a refusal because of ``is_stale`` it can be saved as it is."""
    context = {
        "crew": crew,
        "form": form,
        "edited": form.instance.pk if form and not form.instance._state.adding else None,
        "seen": seen,
        "is_stale": is_stale,
        "rules": ApprovalRule.objects.visible_to(request.user).of_crew(crew),
        "tools": sorted(
            {step["tool"] for steps in crew.tasks.values_list("steps", flat=True) for step in steps}
        ),
        "agents": _agents(crew, form),
    }
    return render(request, "crews/approval_rules.html", context, status=status)


def _agents(crew: Crew, form: RuleForm | None) -> list[tuple[str, str]]:
    """The crew's agents by slug, and the one that the form names although it is not there."""
    agents = list(crew.agents.values_list("slug", "name"))
    named = str(form["agent_id"].value() or "") if form else ""
    if named and named not in dict(agents):
        agents.append((named, f"{named} (not there)"))
    return agents


@login_required
@require_POST
def rule(request: HttpRequest, pk: UUID, rule_id: UUID) -> HttpResponse:
    """Switch a rule on (``action=enable``) or off (``disable``), or delete it (``delete``)."""
    crew = get_object_or_404(Crew.objects.visible_to(request.user), pk=pk)
    found = get_object_or_404(
        ApprovalRule.objects.visible_to(request.user).of_crew(crew), pk=rule_id
    )
    if not ApprovalRule.objects.managed_by(request.user).filter(pk=rule_id).exists():
        raise PermissionDenied(ADMINS_EDIT_RULES)
    match request.POST.get("action"):
        case "delete":
            found.delete()
            messages.success(request, f"The rule {found} is deleted.")
        case "enable" | "disable" as action:
            found.is_enabled = action == "enable"
            found.save(update_fields=["is_enabled"])
            state = "on" if found.is_enabled else "off"
            messages.success(request, f"The rule {found} is switched {state}.")
        case _:
            messages.error(request, "The form was not complete. Reload the page and try again.")
    return redirect("approval-rules", pk=pk)
