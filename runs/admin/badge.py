from collections.abc import Mapping

from django.template.loader import render_to_string

from runs.models import ModelCall, Run, TaskExecution, ToolExecution


def badge(
    record: Run | TaskExecution | ToolExecution | ModelCall, colours: Mapping[str, str]
) -> str:
    """Render the record's status as unfold shows labels in lists. Forms use it here too."""
    label = {"text": record.get_status_display(), "type": colours[record.status]}
    return render_to_string("unfold/helpers/label.html", label)
