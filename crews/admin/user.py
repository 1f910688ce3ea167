from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from crews.admin.membership import UserMembershipInline
from crews.admin.scoped import SuperusersOnly
from crews.scoping import unscoped

admin.site.unregister(User)


@admin.register(User)
class UserAdmin(SuperusersOnly, DjangoUserAdmin, ModelAdmin):
    """A person who edits users can become any user."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    list_filter_sheet = False
    list_fullwidth = True
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        (
            "Access",
            {
                "fields": ["is_active", "is_staff", "is_superuser"],
                "description": "Staff may open this administration; what they see and do there "
                "follows from their roles. Superusers see and do everything.",
            },
        ),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]
    inlines = [UserMembershipInline]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        with unscoped():  # memberships are deleted with the users
            return super().get_deleted_objects(objs, request)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        with unscoped():
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        with unscoped():
            super().delete_queryset(request, queryset)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        # For others, the history page must answer alike whether the user exists or not.
        users = super().get_queryset(request)
        return users if request.user.is_superuser else users.none()
