from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from crews.admin.scoped import ReadOnly, ScopedAdmin, ScopedFilter, roles_of
from crews.models import ApiKey, Role


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly, ScopedAdmin):
    """Only for the admins of an organization.

    The Connect page creates keys and shows their text.
    """

    list_display = ["name", "prefix", "organization", "allowed", "state", "maker", "last_used_at"]
    list_filter = [("organization", ScopedFilter)]
    list_select_related = ["organization", "created_by"]
    search_fields = ["name", "prefix", "organization__name"]
    ordering = ["organization__name", "-created_at", "id"]
    fields = [
        ("organization", "name", "prefix"), ("allowed", "state"), ("created_at", "maker"),
        ("expires_at", "revoked_at", "last_used_at"),
    ]  # fmt: skip
    actions = ["revoke_keys"]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return [field for row in self.fields for field in row]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return Role.ADMIN in roles_of(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return Role.ADMIN in roles_of(request) and super().has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A key is revoked, not deleted, so that the trail of its actions has a name."""
        return False

    @admin.action(description="Revoke the selected keys for good", permissions=["view"])
    def revoke_keys(self, request: HttpRequest, keys: QuerySet) -> None:
        for key in keys:
            key.revoke()
        self.message_user(request, f"Revoked: {', '.join(map(str, keys)) or 'none'}.")

    @display(description="Scopes")
    def allowed(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="Created by")
    def maker(self, key: ApiKey) -> str:
        return key.created_by.get_username() if key.created_by else ""
