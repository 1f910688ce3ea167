from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from crews.admin.scoped import ScopedAdmin, ScopedFilter, reaches, roles_of
from crews.models import Role, Secret
from crews.models.secret import validate_value


class SecretForm(forms.ModelForm):
    """The value can be entered but is never shown, not even when another field is refused."""

    value = forms.CharField(
        validators=[validate_value],
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}, render_value=False),
        help_text="A password or token. It is stored encrypted and never shown again; "
        "to change anything here is to enter it anew.",
    )


@admin.register(Secret)
class SecretAdmin(ScopedAdmin):
    """Only for the admins of an organization. Other members do not see whether secrets exist."""

    form = SecretForm
    list_display = ["name", "organization", "host", "updated_at", "editor", "last_used_at"]
    list_filter = [("organization", ScopedFilter)]
    list_select_related = ["organization", "updated_by"]
    search_fields = ["name", "host", "organization__name"]
    ordering = ["organization__name", "name"]
    fields = [("organization", "name"), ("host", "username"), "value"]
    dates = [("created_at", "maker"), ("updated_at", "editor"), "last_used_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).managed_by(request.user)

    def get_fields(self, request: HttpRequest, obj: Secret | None = None) -> list[Any]:
        return [*self.fields, *self.dates] if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Secret | None = None) -> list[str]:
        """Steps refer to the name. Another organization would get a secret that is not its own."""
        if obj is None:
            return []
        return [
            *("organization", "name"),
            *("created_at", "maker", "updated_at", "editor", "last_used_at"),
        ]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return Role.ADMIN in roles_of(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if obj is None:
            return Role.ADMIN in roles_of(request)
        return reaches(request, "managed_by", Secret, obj.pk)

    def save_model(self, request: HttpRequest, obj: Secret, form: SecretForm, change: bool) -> None:
        obj.store(form.cleaned_data["value"], by=request.user)

    # As text: a foreign key would link to the user's page, which is for superusers.

    @display(description="Created by")
    def maker(self, secret: Secret) -> str:
        return secret.created_by.get_username() if secret.created_by else ""

    @display(description="Updated by", ordering="updated_by__username")
    def editor(self, secret: Secret) -> str:
        return secret.updated_by.get_username() if secret.updated_by else ""
