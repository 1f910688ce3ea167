"""The tasks on the page of a run."""

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from unfold.admin import TabularInline
from unfold.decorators import display

from crews.admin.scoped import ReadOnly, ScopedInline
from runs.admin.badge import badge
from runs.models import Run, TaskExecution, ToolExecution

RUN_COLOURS = {
    Run.Status.QUEUED: "info",
    Run.Status.RUNNING: "warning",
    Run.Status.SUCCEEDED: "success",
    Run.Status.FAILED: "danger",
    Run.Status.CANCELLED: "default",
}
SHOWN_TOOLS = 5  # per task


class TaskInline(ReadOnly, ScopedInline, TabularInline):
    """The started tasks of a run, in pages, with the first tool calls of each."""

    model = TaskExecution
    verbose_name_plural = "tasks"
    fields = readonly_fields = ["name", "agent_id", "status_label", "took", "message", "tools"]
    can_delete = False
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskExecution]:
        tools = ToolExecution.objects.unscoped()  # only of tasks that are in scope
        tools = tools.only("tool", "status", "task_execution").order_by("started_at", "pk")[
            : SHOWN_TOOLS + 1
        ]
        first = Prefetch("tool_executions", tools, to_attr="first_tools")
        return super().get_queryset(request).order_by("order", "pk").prefetch_related(first)

    @display(description="Tools")
    def tools(self, execution: TaskExecution) -> str:
        calls = execution.first_tools
        change, of_task = "admin:runs_toolexecution_change", f"?task_execution={execution.pk}"
        links = [
            (reverse(change, args=[call.pk]), f"{call.tool}: {call.get_status_display().lower()}")
            for call in calls[:SHOWN_TOOLS]
        ]
        if len(calls) > SHOWN_TOOLS:
            links.append((reverse("admin:runs_toolexecution_changelist") + of_task, "all"))
        link = '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>'
        return format_html_join(", ", link, links)

    @display(description="Status")
    def status_label(self, execution: TaskExecution) -> str:
        return badge(execution, RUN_COLOURS)

    @display(description="Took")
    def took(self, execution: TaskExecution) -> str:
        return f"{execution.duration_s:.1f} s"
