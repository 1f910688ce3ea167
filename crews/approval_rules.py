"""The page with the approval rules of a crew: which tool calls wait for a person."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from structlog.contextvars import bind_contextvars

from crews.models import ApprovalRule, Crew

REFUSED = "Admins of the organization edit approval rules. Ask one of them."


class RuleForm(forms.ModelForm):
    """A new rule of a crew, or of all crews of its organization."""

    everywhere = forms.BooleanField(required=False)

    class Meta:
        model = ApprovalRule
        fields = ["tool", "params", "agent_id", "expires_after_s", "admins_only"]

    def __init__(self, *args, crew: Crew, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.instance.organization = crew.organization
        self.instance.crew = crew

    def clean(self) -> dict:
        if self.cleaned_data.get("everywhere"):
            self.instance.crew = None
        return super().clean()


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The rules that apply to the crew. A POST by an admin adds one."""
    crew = get_object_or_404(
        Crew.objects.visible_to(request.user).select_related("organization"), pk=pk
    )
    bind_contextvars(**crew.log_ids)
    manages = Crew.objects.managed_by(request.user).filter(pk=pk).exists()
    form = RuleForm(request.POST or None, crew=crew)
    status = 200
    if request.method == "POST":
        if not manages:
            raise PermissionDenied(REFUSED)
        if form.is_valid():
            rule = form.save()
            messages.success(request, f"Calls that match {rule} wait for approval from now on.")
            if warning := rule.warning():
                messages.warning(request, warning)
            return redirect("approval-rules", pk=pk)
        status = 400
    context = {
        "crew": crew,
        "manages": manages,
        "form": form,
        "rules": ApprovalRule.objects.visible_to(request.user).of_crew(crew),
        "tools": sorted(
            {step["tool"] for steps in crew.tasks.values_list("steps", flat=True) for step in steps}
        ),
        "agents": crew.agents.values_list("slug", "name"),
    }
    return render(request, "crews/approval_rules.html", context, status=status)


@login_required
@require_POST
def rule(request: HttpRequest, pk: UUID, rule_id: UUID) -> HttpResponse:
    """Switch a rule on (``action=enable``) or off (``disable``), or delete it (``delete``)."""
    crew = get_object_or_404(Crew.objects.visible_to(request.user), pk=pk)
    found = get_object_or_404(
        ApprovalRule.objects.visible_to(request.user).of_crew(crew), pk=rule_id
    )
    if not ApprovalRule.objects.managed_by(request.user).filter(pk=rule_id).exists():
        raise PermissionDenied(REFUSED)
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
