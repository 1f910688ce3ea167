import json

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from crews.admin.scoped import ReadOnly, ScopedAdmin, ScopedFilter
from runs.admin.badge import badge
from runs.models import ToolExecution

SHOWN_OUTPUT = 20_000  # characters, the last ones; the live page has the whole
TOOL_COLOURS = {
    ToolExecution.Status.RUNNING: "warning",
    ToolExecution.Status.SUCCESS: "success",
    ToolExecution.Status.ERROR: "danger",
    ToolExecution.Status.COMPLETED_WITH_ERRORS: "danger",
}


@admin.register(ToolExecution)
class ToolExecutionAdmin(ReadOnly, ScopedAdmin):
    list_display = ["tool", "task_execution", "crew", "status_label", "started_at", "took"]
    list_filter = [
        "status",
        "tool",
        "started_at",
        ("task_execution__run__crew", ScopedFilter),
    ]
    list_select_related = ["task_execution__run__crew"]
    ordering = ["-started_at", "-id"]
    search_fields = ["id", "tool", "message", "task_execution__name"]
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
        text = execution.output
        cut = len(text) - SHOWN_OUTPUT
        if cut > 0:
            text = f"[{cut:,} characters before this are on the live page]\n{text[-SHOWN_OUTPUT:]}"
        return _pre(text)


def _pre(text: str) -> str:
    return format_html('<pre class="shown">{}</pre>', text)
