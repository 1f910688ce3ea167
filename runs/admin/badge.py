from collections.abc import Mapping

from django.template.loader import render_to_string

from runs.models import Run, TaskExecution, ToolExecution


def badge(record: Run | TaskExecution | ToolExecution, colours: Mapping[str, str]) -> str:
    """The record's status as unfold shows labels in lists; here it shows them on forms, too."""
    label = {"text": record.get_status_display(), "type": colours[record.status]}
    return render_to_string("unfold/helpers/label.html", label)
