from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import TabularInline

from crews.admin.scoped import ReadOnly, ScopedAdmin, ScopedFilter, ScopedInline
from crews.admin.stale import RefusesStale, SeenForm
from runs.schedules.models import Fire, Schedule
from runs.schedules.models.schedule import seen_digest


class ScheduleChangeForm(SeenForm):
    def digest(self) -> str:
        return seen_digest(self.instance)

    def locked_digest(self) -> str:
        rows = Schedule.objects.unscoped().select_for_update(of=("self",))
        return seen_digest(rows.filter(pk=self.instance.pk).first())


class FireInline(ReadOnly, ScopedInline, TabularInline):
    """The fire times, newest first, in pages."""

    model = Fire
    verbose_name_plural = "fire times"
    fields = readonly_fields = ["due_at", "outcome", "detail"]
    can_delete = False
    per_page = 20


@admin.register(Schedule)
class ScheduleAdmin(RefusesStale, ScopedAdmin):
    change_form = ScheduleChangeForm
    list_display = ["crew", "expression", "zone", "is_enabled", "next_at"]
    list_filter = [("crew__organization", ScopedFilter), "is_enabled"]
    list_select_related = ["crew"]
    search_fields = ["crew__name", "expression", "zone"]
    ordering = ["crew__name"]
    fields = [
        "crew",
        ("expression", "zone"),
        ("overlap", "missed"),
        ("is_enabled", "next_at"),
    ]
    inlines = [FireInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Schedule | None = None) -> list[str]:
        return ["next_at", "crew"] if obj else ["next_at"]

    def save_model(
        self, request: HttpRequest, obj: Schedule, form: ModelForm, change: bool
    ) -> None:
        obj.updated_by = request.user
        if not change:
            obj.created_by = request.user
        super().save_model(request, obj, form, change)
