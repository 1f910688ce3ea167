from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from crews.admin.scoped import ScopedAdmin, ScopedFilter, ScopedInline
from crews.models import Membership, Role

ROLE_COLOURS = {Role.VIEWER: "info", Role.OPERATOR: "success", Role.ADMIN: "warning"}


class MembershipForm(forms.ModelForm):
    """A membership is of one user in one organization. Later only the role can change."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"user", "organization"} & self.fields.keys():
            if self.instance.pk:
                field, chosen = self.fields[name], getattr(self.instance, name)
                field.disabled = True
                # The other choices need not be read for each row.
                field.widget = UnfoldAdminSelectWidget()
                field.choices = [(chosen.pk, str(chosen))]


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    form = MembershipForm
    list_display = ["user", "organization", "role_label", "created_at"]
    list_filter = ["role", ("organization", ScopedFilter)]
    list_select_related = ["user", "organization"]
    search_fields = ["user__username", "organization__name"]
    fields = ["organization", "user", "role"]

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        return _searched(request)

    @display(description="Role", ordering="role", label=ROLE_COLOURS)
    def role_label(self, membership: Membership) -> str:
        return membership.role


class MembershipInline(ScopedInline, TabularInline):
    """The members of an organization."""

    model = Membership
    form = MembershipForm
    fields = ["user", "role"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("user")

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        return _searched(request)


class UserMembershipInline(ScopedInline, TabularInline):
    """The organizations of a user. Only superusers see users."""

    model = Membership
    form = MembershipForm
    fields = ["organization", "role"]
    verbose_name = "organization"
    verbose_name_plural = "organizations and roles"

    def _may(self, request: HttpRequest, parent: Any, scope: str) -> bool:
        return request.user.is_superuser


def _searched(request: HttpRequest) -> list[str]:
    """A superuser, who may see every user, searches. Others choose among their colleagues."""
    return ["user"] if request.user.is_superuser else []
