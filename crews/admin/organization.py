from collections.abc import Iterable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import display

from crews.admin.deleting import DeletesInBackground
from crews.admin.large_tables import counted
from crews.admin.membership import MembershipInline
from crews.admin.scoped import ScopedAdmin
from crews.deletion import delete_organization
from crews.models import Crew, Membership, Organization


@admin.register(Organization)
class OrganizationAdmin(DeletesInBackground, ScopedAdmin):
    """Its admins rename it and manage its members; superusers create and delete it."""

    list_display = ["name", "slug", "member_count", "crew_count", "created_at"]
    search_fields = ["name", "slug"]
    ordering = ["name"]
    fields = ["name", "slug", "max_active_runs", "reports_create", "keeps_model_text"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        counts = {
            "member_count": counted(Membership.objects.unscoped(), "organization"),
            "crew_count": counted(Crew.objects.unscoped(), "organization"),
        }
        return super().get_queryset(request).annotate(**counts)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Organization | None = None
    ) -> list[str]:
        """An organization must not decide itself how much of the machines it uses."""
        return [] if request.user.is_superuser else ["max_active_runs"]

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Organization | None = None
    ) -> dict[str, list[str]]:
        return {} if obj else {"slug": ["name"]}

    def delete_records(self, records: Iterable[Organization]) -> None:
        for organization in records:
            delete_organization(organization)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        return request.user.is_superuser

    def response_add(
        self, request: HttpRequest, obj: Organization, post_url_continue: str | None = None
    ) -> HttpResponse:
        if {"_addanother", "_continue", "_popup"} & request.POST.keys():
            return super().response_add(request, obj, post_url_continue)
        self.message_user(request, f"{obj} is there. Now make its first crew.", messages.SUCCESS)
        add = reverse(f"{self.admin_site.name}:crews_crew_add")
        return HttpResponseRedirect(f"{add}?organization={obj.pk}")

    @display(description="Members", ordering="member_count")
    def member_count(self, organization: Organization) -> int:
        return organization.member_count

    @display(description="Crews", ordering="crew_count")
    def crew_count(self, organization: Organization) -> int:
        return organization.crew_count
