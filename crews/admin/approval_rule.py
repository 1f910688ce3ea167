from django.contrib import admin, messages
from django.forms import ModelForm
from django.http import HttpRequest

from crews.admin.scoped import ScopedAdmin, ScopedFilter
from crews.models import ApprovalRule


@admin.register(ApprovalRule)
class ApprovalRuleAdmin(ScopedAdmin):
    list_display = [
        *("__str__", "organization", "crew", "is_enabled", "expires_after_s", "admins_only"),
    ]
    list_filter = [("organization", ScopedFilter), "is_enabled"]
    list_select_related = ["organization", "crew"]
    search_fields = ["tool", "params", "crew__name", "organization__name"]
    ordering = ["organization__name", "created_at"]
    fields = [
        ("organization", "crew"),
        ("tool", "params", "agent_id"),
        ("expires_after_s", "admins_only", "is_enabled"),
    ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: ApprovalRule | None = None
    ) -> list[str]:
        # The audit trail of the one organization would not show that the rule has left it.
        return ["organization"] if obj else []

    def save_model(
        self, request: HttpRequest, obj: ApprovalRule, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if warning := obj.warning():
            messages.warning(request, warning)
