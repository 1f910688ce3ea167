"""The part of the crew's admin that needs runs and tools: start a run, describe steps."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from crews.admin.crew import CrewAdmin, TaskInline
from crews.models import Crew, Task
from crews.tracking import InvalidState
from runs.admin.record_actions import RecordActions, asked, forward
from runs.execution.redaction import redact_params, secrets_in
from runs.models import Run
from runs.tools import REGISTRY, Tool


def _parameters(tool: Tool) -> str:
    fields = tool.params().fields.items()
    return ", ".join(name if field.required else f"{name}?" for name, field in fields)


class StepsTaskInline(TaskInline):
    steps_help = format_html(
        "Tool calls in order, each {} with one of these tools (? may be left out): {}",
        format_html("<code>{}</code>", '{"tool": name, "params": {...}}'),
        format_html_join(
            ", ",
            "<code>{}({})</code>",
            [(name, _parameters(tool)) for name, tool in sorted(REGISTRY.items())],
        ),
    )
    readonly_fields = ["redacted_steps", "after_names"]

    def get_fields(self, request: HttpRequest, obj: Crew | None = None) -> list[Any]:
        fields = super().get_fields(request, obj)
        if self.has_change_permission(request, obj):
            return fields
        shown = {"steps": "redacted_steps", "after": "after_names"}
        return [shown.get(name, name) if isinstance(name, str) else name for name in fields]

    @display(description="After")
    def after_names(self, task: Task) -> str:
        prefetch_related_objects([task.crew], "tasks")  # once for all rows of the page
        names = {str(other.pk): other.name for other in task.crew.tasks.all()}
        return ", ".join(names[pk] for pk in task.after if pk in names)

    @display(description="Steps")
    def redacted_steps(self, task: Task) -> str:
        """The redacted steps, for users who may not edit them."""
        shown = redact_params(task.steps, secrets_in(task.steps))
        text = json.dumps(shown, indent=2, ensure_ascii=False)
        return format_html('<pre class="shown">{}</pre>', text)


@admin.register(Crew)
class StartableCrewAdmin(RecordActions, CrewAdmin):
    task_inline = StepsTaskInline
    actions_row = ["start_run", "open_live_page"]
    actions_detail = ["start_run", "open_live_page"]

    @action(
        description="Start run",
        icon="play_arrow",
        permissions=["operate"],
        variant=ActionVariant.PRIMARY,
        dialog=asked(
            "Start a run?", "The agents carry out the crew's tasks, in order.", "Start run"
        ),
    )
    def start_run(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        crew = Crew.objects.operable_by(request.user).get(pk=object_id)
        try:
            run = Run.objects.request(crew=crew, user=request.user)
        except InvalidState as error:
            messages.error(request, str(error))
            return forward(request, "crews_crew_change", crew.pk)
        messages.success(request, f"Run of {crew} started.")
        return forward(request, "runs_run_change", run.pk)
