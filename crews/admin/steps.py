"""The form field for a task's steps."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

FEWEST_ROWS, MOST_ROWS = 6, 30
MOST_LEVELS = 20  # of lists and objects in each other; steps need four


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
        if isinstance(value, str) and value.strip():
            _check(value)
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        if isinstance(data, str) and data.strip() and not self.disabled:
            try:
                _check(data)
            except ValidationError:
                return forms.fields.InvalidJSONInput(data)
        return super().bound_data(data, initial)

    def prepare_value(self, value: Any) -> Any:
        # Refused text is shown again as it was entered.
        if isinstance(value, str | forms.fields.InvalidJSONInput):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)


def _check(text: str) -> None:
    """Raise ``ValidationError`` for text that is not JSON, or JSON that cannot be processed."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValidationError(
            f"This is not JSON: {error.msg}, in line {error.lineno}, column {error.colno}."
        ) from error
    except ValueError as error:  # Python reads no integer of more than 4,300 digits
        raise ValidationError("A number has too many digits.") from error
    except RecursionError as error:
        raise ValidationError("The JSON is nested too deeply.") from error
    if _is_deep(value):
        raise ValidationError("The JSON is nested too deeply.")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)
