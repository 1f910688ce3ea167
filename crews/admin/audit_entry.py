"""The audit trail. An organization's admins can read it; no user can change it."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from crews.admin.large_tables import LargeTableAdmin
from crews.admin.scoped import ReadOnly, ScopedAdmin, roles_of
from crews.models import AuditEntry, Role
from crews.scoping import ScopedQuerySet

NOT_SIGNED_IN = "none"
SEARCHED_ENTRIES = 1_000  # entries that a search reads, and that a filter takes its options from
# By the last word of a kind. A kind that is not listed is neither good nor bad news.
COLOURS = {
    "started": "success", "retried": "success", "created": "success", "invited": "success",
    "activated": "success",
    "deleted": "danger", "removed": "danger", "deactivated": "danger", "failed": "danger",
    "pruned": "danger", "made_superuser": "danger",
    "cancelled": "warning", "shared": "warning", "role_changed": "warning",
    "password_changed": "warning", "unlocked": "warning",
}  # fmt: skip


class NamedFilter(DropdownFilter):
    """Offers the names in the newest entries that the reader may see, also of deleted objects."""

    of: str  # the entries' fields are ``of_id`` and ``of_name``

    def lookups(self, request: HttpRequest, model_admin: ScopedAdmin) -> list[tuple[str, str]]:
        entries = model_admin.get_queryset(request).order_by("-created_at", "-id")
        named = dict(entries.values_list(f"{self.of}_id", f"{self.of}_name")[:SEARCHED_ENTRIES])
        named.pop(None, None)
        return sorted(((str(pk), name) for pk, name in named.items()), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, entries: QuerySet) -> QuerySet:
        value = self.value()
        if not value:
            return entries
        if value == NOT_SIGNED_IN:
            return entries.filter(**{f"{self.of}_id": None})
        # A value that is not offered works, too: the reader may see all of these entries.
        known = value.isascii() and value.isdigit() and len(value) < 19
        return entries.filter(**{f"{self.of}_id": value}) if known else entries.none()


class PersonFilter(NamedFilter):
    title = "person"
    parameter_name = "person"
    of = "actor"

    def lookups(self, request: HttpRequest, model_admin: ScopedAdmin) -> list[tuple[str, str]]:
        return [(NOT_SIGNED_IN, "Not signed in"), *super().lookups(request, model_admin)]


class OrganizationFilter(NamedFilter):
    title = "organization"
    parameter_name = "organization"
    of = "organization"

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1  # most readers are in one organization


@admin.register(AuditEntry)
class AuditEntryAdmin(LargeTableAdmin, ReadOnly, ScopedAdmin):
    list_display = ["created_at", "who", "what", "object_name", "organization_name", "way"]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        PersonFilter,
        OrganizationFilter,
        "created_at",
        "way",
    ]
    list_filter_submit = True
    sortable_by = ["created_at"]
    search_fields = ["object_name", "actor_name", "organization_name", "object_id", "address"]
    search_help_text = (
        f"People, objects, organizations, addresses, among the newest {SEARCHED_ENTRIES:,} entries"
    )
    fields = [
        ("what", "shown_object"),
        ("created_at", "organization_name"),
        ("who", "way"),
        "address",
        "shown_changes",
    ]
    readonly_fields = ["what", "who", "shown_object", "shown_changes"]

    def matching(self, request: HttpRequest, term: str) -> Q:
        newest = (
            self.get_queryset(request)
            .order_by("-created_at", "-id")
            .values("pk")[:SEARCHED_ENTRIES]
        )
        found = Q()
        for field in self.search_fields:
            found |= Q(**{f"{field}__icontains": term})
        return Q(pk__in=list(newest.values_list("pk", flat=True))) & found

    def has_module_permission(self, request: HttpRequest) -> bool:
        return Role.ADMIN in roles_of(request)

    def has_view_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        if obj is None:
            return Role.ADMIN in roles_of(request)
        return super().has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> AuditEntry | None:
        entry = super().get_object(request, object_id, from_field)
        if entry:
            entry.page = _page_of(entry, request)
        return entry

    @display(description="What", ordering="kind")
    def what(self, entry: AuditEntry) -> str:
        colour = COLOURS.get(entry.kind.rpartition(".")[2], "info")
        label = {"text": entry.get_kind_display(), "type": colour}
        return render_to_string("unfold/helpers/label.html", label)

    @display(description="Who", ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_name or "not signed in"

    @display(description="Object")
    def shown_object(self, entry: AuditEntry) -> str:
        if not entry.page:
            return entry.object_name
        link = '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>'
        return format_html(link, entry.page, entry.object_name)

    @display(description="Changes")
    def shown_changes(self, entry: AuditEntry) -> str:
        rows = [
            (name.replace("_", " "), _shown(old), _shown(new))
            for name, (old, new) in entry.changes.items()
        ]
        if not rows:
            return "No changed field is recorded."
        return format_html(
            '<table class="changes"><thead><tr><th>Field<th>Before<th>After</thead>'
            "<tbody>{}</tbody></table>",
            format_html_join("", "<tr><th>{}<td>{}<td>{}", rows),
        )


def _page_of(entry: AuditEntry, request: HttpRequest) -> str:
    """URL of the object, or of the crew it belongs to; empty if there is none to see."""
    try:
        model = apps.get_model(entry.object_type)
    except (LookupError, ValueError):
        return ""
    records = model._default_manager.all()
    if isinstance(records, ScopedQuerySet):
        records = records.visible_to(request.user)
    elif not request.user.is_superuser:
        records = records.none()
    record = records.filter(pk=entry.object_id).first()
    if record and not admin.site.is_registered(model):
        record = record.crew  # the crew's page shows agents and tasks
    return (
        reverse(
            f"admin:{record._meta.app_label}_{record._meta.model_name}_change", args=[record.pk]
        )
        if record
        else ""
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else str(value)
