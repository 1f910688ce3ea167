"""The faults of a crew's description: the place, the reason and the remedy of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rest_framework import serializers

Path = tuple[str | int, ...]

MAX_FAULTS = 50  # reported at once
MAX_PLACE_CHARS = 200  # a key of the file may be longer
MAX_CHARS = 1000  # of a fault as one line; a value of the file may be longer


@dataclass(frozen=True, slots=True)
class Fault:
    """``path`` leads to the value: ``("tasks", 2, "name")``. ``line`` counts from 1; 0: no line."""

    path: Path
    message: str
    line: int = 0

    @property
    def place(self) -> str:
        """``tasks[2].name``, or "" for the whole description."""
        parts = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path)
        return "".join(parts).lstrip(".")[:MAX_PLACE_CHARS]

    def __str__(self) -> str:
        """One line for a terminal: control characters of the file are escaped."""
        line = f"line {self.line}" if self.line else ""
        whole = ": ".join(filter(None, (line, self.place, self.message)))
        return "".join(map(_visible, whole[:MAX_CHARS]))


class InvalidDescription(Exception):
    """A description that cannot be applied. ``faults`` has at least one entry."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)[:MAX_FAULTS]
        super().__init__("\n".join(map(str, self.faults)))

    def with_lines(self, lines: Mapping[Path, int]) -> "InvalidDescription":
        """Return the same, each fault with the line of its value, or of the part that lacks it."""
        return InvalidDescription(
            replace(fault, line=_line(fault.path, lines)) for fault in self.faults
        )


def faults_of(detail: Any, path: Path = ()) -> list[Fault]:
    """Flatten the ``detail`` of a ValidationError of DRF."""
    if isinstance(detail, Mapping):
        return [
            fault
            for key, value in detail.items()
            for fault in faults_of(value, path if key == "non_field_errors" else (*path, key))
        ]
    if isinstance(detail, list):
        return [
            fault
            for index, item in enumerate(detail)
            for fault in faults_of(item, (*path, index) if isinstance(item, Mapping) else path)
        ]
    return [Fault(path, str(detail))]


def refuse(message: str, *path: str | int) -> serializers.ValidationError:
    """The error of a serializer for the value at ``path`` below it."""
    detail: Any = [message]
    for key in reversed(path):
        detail = {key: detail}
    return serializers.ValidationError(detail)


def _visible(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def _line(path: Path, lines: Mapping[Path, int]) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)
