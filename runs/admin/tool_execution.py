import json

from django.contrib import admin
from django.db.models import Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from crews.admin.large_tables import SEARCHED_ROWS, LargeTableAdmin, id_begins_with
from crews.admin.scoped import (
    ReadOnly,
    ScopedAdmin,
    ScopedFilter,
)
from runs.admin.badge import badge
from runs.models import Run, TaskExecution, ToolExecution
from runs.tools import REGISTRY

SHOWN_OUTPUT = 20_000  # characters from the end; the live page has the whole output
TOOL_COLOURS = {
    ToolExecution.Status.RUNNING: "warning",
    ToolExecution.Status.SUCCESS: "success",
    ToolExecution.Status.ERROR: "danger",
    ToolExecution.Status.COMPLETED_WITH_ERRORS: "danger",
}


class ToolFilter(DropdownFilter):
    """Offers all existing tools, without a query for the used ones."""

    title = "tool"
    parameter_name = "tool"

    def lookups(self, request: HttpRequest, model_admin: ScopedAdmin) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(REGISTRY)]

    def queryset(self, request: HttpRequest, executions: QuerySet) -> QuerySet:
        return executions.filter(tool=self.value()) if self.value() else executions


@admin.register(ToolExecution)
class ToolExecutionAdmin(LargeTableAdmin, ReadOnly, ScopedAdmin):
    list_display = ["tool", "task_execution", "crew", "status_label", "started_at", "took"]
    list_filter = ["status", ToolFilter, "started_at", ("task_execution__run__crew", ScopedFilter)]
    list_select_related = ["task_execution__run__crew"]
    ordering = ["-started_at", "-id"]
    sortable_by = ["started_at"]
    search_fields = ["id"]
    search_help_text = "The id of an execution or of its run, or how it begins; a tool"
    fields = [
        ("tool", "run"),
        ("task_execution", "agent"),
        ("status_label", "exit_code"),
        ("started_at", "took"),
        "message",
        "shown_params",
        "shown_output",
    ]
    readonly_fields = ["run", "status_label", "agent", "took", "shown_params", "shown_output"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ToolExecution]:
        executions = super().get_queryset(request)
        return executions.defer("task_execution__run__plan", "task_execution__run__remains")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> ToolExecution | None:
        execution = super().get_object(request, object_id, from_field)
        if execution:
            execution.end_of_output = _end_of(execution)  # unfold reads a field several times
        return execution

    def matching(self, request: HttpRequest, term: str) -> Q:
        if term in REGISTRY:
            return Q(tool=term)
        runs = Run.objects.visible_to(request.user).filter(id_begins_with(term))
        tasks = TaskExecution.objects.unscoped().filter(run__in=list(runs[:SEARCHED_ROWS]))
        found = ToolExecution.objects.unscoped().filter(
            id_begins_with(term) | Q(task_execution__in=list(tasks[:SEARCHED_ROWS]))
        )
        # PostgreSQL takes a range of ids for half a percent of the table, and may read all tasks.
        return Q(pk__in=list(found.order_by().values_list("pk", flat=True)[:SEARCHED_ROWS]))

    def has_delete_permission(self, request: HttpRequest, obj: ToolExecution | None = None) -> bool:
        return request.user.is_superuser and obj is None  # only together with its run

    @display(description="Crew", ordering="task_execution__run__crew__name")
    def crew(self, execution: ToolExecution) -> str:
        return str(execution.task_execution.run.crew)

    @display(description="Run")
    def run(self, execution: ToolExecution) -> str:
        run = execution.task_execution.run
        url = reverse("admin:runs_run_change", args=[run.pk])
        return format_html(
            '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', url, run
        )

    @display(description="Agent")
    def agent(self, execution: ToolExecution) -> str:
        return execution.agent_id

    @display(description="Status", ordering="status")
    def status_label(self, execution: ToolExecution) -> str:
        return badge(execution, TOOL_COLOURS)

    @display(description="Took")
    def took(self, execution: ToolExecution) -> str:
        return f"{execution.duration_s:.1f} s"

    @display(description="Parameters")
    def shown_params(self, execution: ToolExecution) -> str:
        return _pre(json.dumps(execution.params, indent=2, ensure_ascii=False))

    @display(description="Output")
    def shown_output(self, execution: ToolExecution) -> str:
        return _pre(execution.end_of_output)


def _end_of(execution: ToolExecution) -> str:
    """Return the last characters of the output, without reading what is before them."""
    cut = max(execution.output_length - SHOWN_OUTPUT, 0)
    chunks = execution.output_chunks.order_by("-offset")
    first = chunks.filter(offset__lte=cut).values_list("offset", flat=True)[:1]
    newest = chunks.filter(offset__gte=Subquery(first)).values_list("text", flat=True)
    text = "".join(reversed(newest))[-SHOWN_OUTPUT:]
    return f"[{cut:,} characters before this are on the live page]\n{text}" if cut else text


def _pre(text: str) -> str:
    return format_html('<pre class="shown">{}</pre>', text)
