"""Parts of the editor's page: fields, rows of fields, and faults in words."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from runs.crew_files.faults import Fault, Path

Choices = Sequence[tuple[str, str]]

FEWEST_LINES, MOST_LINES = 3, 18
WIDE_CHARS = 200  # a text that may be longer gets the width of the page
RENAMED = {"continue_on_error": "on_failure"}


@dataclass
class Field:
    """``id`` is also the name under which the form sends it. ``kind`` as in ``parameters``."""

    id: str
    label: str
    kind: str
    value: Any
    help: str = ""
    is_required: bool = False
    choices: Choices = ()
    limits: dict[str, Any] = field(default_factory=dict)
    errors: Sequence[str] = ()

    @property
    def is_wide(self) -> bool:
        return self.limits.get("maxlength", 0) > WIDE_CHARS

    @property
    def lines(self) -> int:
        return min(max(str(self.value).count("\n") + 2, FEWEST_LINES), MOST_LINES)


@dataclass
class Row:
    """An agent, a task or a step. ``hidden``: values that the form sends back but does not show."""

    id: str
    title: str
    fields: list[Field]
    hidden: list[tuple[str, str]]
    is_first: bool
    is_last: bool
    errors: Sequence[str] = ()
    kept: str = ""
    steps: list["Row"] = field(default_factory=list)
    index: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """A fault in words, with the id of the element that it is about, or that contains it."""

    target: str
    place: str
    message: str

    @classmethod
    def of(cls, fault: Fault, ids: Container[str]) -> "Summary":
        """``ids``: of the elements on the page."""
        return cls(nearest(target(fault.path), ids), in_words(fault.path), fault.message)


def target(path: Path) -> str:
    """The id of the field or row that a fault is about."""
    if "params" in path:
        path = path[: path.index("params") + 2]
    if path and path[0] == "agents" and path[-1] == "slug":
        path = (*path[:-1], "name")
    return "-".join(RENAMED.get(str(key), str(key)) for key in path)


def nearest(wanted: str, ids: Container[str]) -> str:
    """The id itself, or the longest beginning of it that the page has; empty if it has none."""
    while wanted and wanted not in ids:
        wanted = wanted.rpartition("-")[0]
    return wanted


def in_words(path: Path) -> str:
    """``Task 2, step 1, url``."""
    words = {"agents": "Agent", "tasks": "Task", "steps": "step"}
    said: list[str] = []
    for key in path:
        if isinstance(key, int):
            said[-1] = f"{said[-1]} {key + 1}"
        elif key != "params":
            said.append(words.get(key, key.replace("_", " ")))
    return ", ".join(said)
