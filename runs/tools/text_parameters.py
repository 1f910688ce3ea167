"""Parameters of tools that are text, and numbers in their places.

A number that looks like text (``branch: 1.10``) would lose digits, so whoever writes it puts it in
quotes. Steps that were stored before this rule may hold numbers: they count as their text.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rest_framework import serializers

IN_QUOTES = "This is text. Write it in quotes."


def refuse_numbers(params: serializers.Serializer, given: Mapping[str, Any]) -> None:
    """Raise DRF's ``ValidationError`` for each value that must be text and is none."""
    faults: dict[str, Any] = {}
    for name, is_list in _texts(params):
        value = given.get(name)
        if not is_list and not isinstance(value, str | None):
            faults[name] = [IN_QUOTES]
        if is_list and isinstance(value, list):
            wrong = [index for index, item in enumerate(value) if not isinstance(item, str)]
            if wrong:
                faults[name] = {index: [IN_QUOTES] for index in wrong}
    if faults:
        raise serializers.ValidationError(faults)


def with_text(params: serializers.Serializer, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the tool gets them: text in place of numbers where it wants text."""
    texts = {name: _in_list(_as_text) if is_list else _as_text for name, is_list in _texts(params)}
    return {name: texts[name](value) if name in texts else value for name, value in stored.items()}


def _texts(params: serializers.Serializer) -> Iterator[tuple[str, bool]]:
    """The names of parameters that are text, and whether each is a list of texts."""
    for name, field in params.fields.items():
        if isinstance(field, serializers.CharField):
            yield name, False
        elif isinstance(getattr(field, "child", None), serializers.CharField):
            yield name, True


def _in_list(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: list(map(change, value)) if isinstance(value, list) else value


def _as_text(value: Any) -> Any:
    """Like a ``CharField``: a number as its text, everything else as it is."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value
