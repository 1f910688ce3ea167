"""The form field for a task's steps."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

FEWEST_ROWS, MOST_ROWS = 6, 30


class StepsWidget(UnfoldAdminTextareaWidget):
    """A text area for JSON: fixed pitch, no wrapping, as high as its text."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "steps", "spellcheck": "false", "wrap": "off", **(attrs or {})})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        lines = str(value or "").count("\n") + 2
        context["widget"]["attrs"]["rows"] = min(max(lines, FEWEST_ROWS), MOST_ROWS)
        return context


class StepsField(forms.JSONField):
    """Indented JSON. Reports where the input is not JSON; the model validates the content."""

    widget = StepsWidget

    def to_python(self, value: Any) -> Any:
        try:
            if isinstance(value, str) and value.strip():
                json.loads(value)
        except json.JSONDecodeError as error:
            raise ValidationError(
                f"This is not JSON: {error.msg}, in line {error.lineno}, column {error.colno}."
            ) from error
        return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        # Refused text is shown again as it was entered.
        if isinstance(value, str | forms.fields.InvalidJSONInput):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)
