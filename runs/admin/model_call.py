from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from crews.admin.large_tables import SEARCHED_ROWS, LargeTableAdmin, id_begins_with
from crews.admin.scoped import ReadOnly, ScopedAdmin
from runs.admin.badge import badge
from runs.models import ModelCall, Run

CALL_COLOURS = {
    ModelCall.Status.RUNNING: "warning",
    ModelCall.Status.SUCCESS: "success",
    ModelCall.Status.ERROR: "danger",
    ModelCall.Status.CANCELLED: "info",
}


@admin.register(ModelCall)
class ModelCallAdmin(LargeTableAdmin, ReadOnly, ScopedAdmin):
    list_display = [
        *("model", "agent_id", "crew", "status_label", "started_at", "took"),
        *("input_tokens", "output_tokens", "cost_usd"),
    ]
    list_select_related = ["run__crew"]
    ordering = ["-started_at", "-id"]
    sortable_by = ["started_at"]
    search_fields = ["id"]
    search_help_text = "The id of a call or of its run, or how it begins"
    fields = [
        ("provider", "model"),
        ("run", "agent_id"),
        ("status_label", "finish_reason"),
        ("started_at", "took", "first_token_s"),
        ("input_tokens", "cached_tokens"),
        ("output_tokens", "reasoning_tokens"),
        ("cost_usd", "cost_source"),
        "message",
    ]
    readonly_fields = ["status_label", "took"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelCall]:
        return super().get_queryset(request).defer("run__plan", "run__remains")

    def matching(self, request: HttpRequest, term: str) -> Q:
        runs = Run.objects.visible_to(request.user).filter(id_begins_with(term))
        return id_begins_with(term) | Q(run__in=list(runs[:SEARCHED_ROWS]))

    def has_delete_permission(self, request: HttpRequest, obj: ModelCall | None = None) -> bool:
        return request.user.is_superuser and obj is None  # only together with its run

    @display(description="Crew")
    def crew(self, call: ModelCall) -> str:
        return str(call.run.crew)

    @display(description="Status")
    def status_label(self, call: ModelCall) -> str:
        return badge(call, CALL_COLOURS)

    @display(description="Took")
    def took(self, call: ModelCall) -> str:
        return f"{call.duration_s:.1f} s"
