"""A tool's parameters as fields of a form, and a form's text as parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework import serializers

from runs.tools import REGISTRY
from runs.tools.base import SecretName

LONG_CHARS = 2000  # a text that may be longer gets several lines
MAX_DIGITS = 18

Fields = Mapping[str, serializers.Field]


def fields_of(tool: str) -> Fields:
    """The tool's parameters that a form can show. None of a tool that is not there."""
    if tool not in REGISTRY:
        return {}
    fields = REGISTRY[tool].params().fields.items()
    return {name: field for name, field in fields if kind_of(field)}


def kind_of(field: serializers.Field) -> str:
    """``secret``, ``choice``, ``switch``, ``number``, ``lines``, ``code``, ``text``; "": none."""
    if isinstance(field, SecretName):
        return "secret"
    if isinstance(field, serializers.ChoiceField):
        return "choice"
    if isinstance(field, serializers.BooleanField):
        return "switch"
    if isinstance(field, serializers.IntegerField):
        return "number"
    if isinstance(field, serializers.ListField):
        return "lines" if isinstance(field.child, serializers.CharField) else ""
    if not isinstance(field, serializers.CharField):
        return ""
    is_long = not field.trim_whitespace or (field.max_length or 0) > LONG_CHARS
    return "code" if is_long else "text"


def fits(field: serializers.Field, value: Any) -> bool:
    """Whether a form that shows ``value`` gives exactly it back."""
    match kind_of(field):
        case "switch":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int | str) and not isinstance(value, bool)
        case "lines":
            return isinstance(value, list) and all(map(_is_line, value))
        case "code":
            return isinstance(value, str) and value != "" and "\r" not in value
        case kind:
            return bool(kind) and _is_line(value)


def shown(field: serializers.Field, value: Any) -> Any:
    """The value as the form has it: text, or a boolean of a switch."""
    kind = kind_of(field)
    if kind == "switch":
        return value is True
    if value is None:
        return ""
    return "\n".join(value) if kind == "lines" else str(value)


def taken(field: serializers.Field, texts: Sequence[str]) -> Any:
    """The value that a form has sent, or None where it is left out.

    Text that is not a number stays text: the tool then reports the fault.
    """
    kind = kind_of(field)
    if kind == "switch":
        # The form also sends "off" for a switch that the step has set to off.
        return True if "on" in texts else False if "off" in texts else None
    text = texts[-1].replace("\r\n", "\n")
    if kind == "lines":
        return [line for line in text.split("\n") if line] or None
    if kind == "number":
        return number(text)
    return text or None


def number(text: str) -> int | str | None:
    text = text.strip()
    if text.isascii() and text.removeprefix("-").isdigit() and len(text) <= MAX_DIGITS:
        return int(text)
    return text or None


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value != "" and not {"\n", "\r"} & set(value)
