"""Reads a YAML file into plain values, within limits, and remembers the line of each value.

It builds the values from the parser's events itself: no tag makes an object, and anchors, with
which a small file can stand for a very large value, are refused. Plain values follow YAML 1.2:
``no`` and ``on`` are text, not booleans.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from crews.text import storable
from runs.crew_files.faults import Fault, InvalidDescription, Path

MAX_BYTES = 512 * 1024
MAX_DEPTH = 12  # of lists and mappings in each other; a crew needs seven
MAX_VALUES = 20_000
# The parser in C reads the largest file in a tenth of a second; the one in Python takes seconds.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}

Lines = dict[Path, int]


def read(content: bytes | str) -> tuple[Any, Lines]:
    """Return the value of the file, and the line of each value by its path.

    Raises ``InvalidDescription``.
    """
    text = decoded(content)
    reader = _Reader()
    try:
        return reader.read(yaml.parse(text, Loader=LOADER)), reader.lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = ", ".join(filter(None, (error.context, error.problem)))
        raise _invalid(f"This is not YAML: {why}.", mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as error:  # a character that YAML does not have
        raise _invalid(f"This is not YAML: {_first_line(error)}.") from None


def decoded(content: bytes | str) -> str:
    """Return the text of a file. Raises ``InvalidDescription`` if it is too large or not UTF-8."""
    encoded = content.encode(errors="replace") if isinstance(content, str) else content
    if len(encoded) > MAX_BYTES:
        raise _invalid(f"The file has more than {MAX_BYTES // 1024} KiB. Split the crew.")
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _invalid("Save the file as UTF-8.", line) from None


class _Reader:
    def __init__(self) -> None:
        self.lines: Lines = {}
        self._events: Iterator[yaml.Event] = iter(())
        self._values = 0

    def read(self, events: Iterator[yaml.Event]) -> Any:
        self._events = events
        documents = [
            self._value(next(events), (), 1) for event in events if self._begins_document(event)
        ]
        if not documents:
            raise _invalid("The file is empty.")
        return documents[0]

    def _begins_document(self, event: yaml.Event) -> bool:
        if not isinstance(event, yaml.DocumentStartEvent):
            return False
        if self._values:
            raise _invalid("Write one crew in a file: this is a second document.", _line(event))
        return True

    def _value(self, event: yaml.Event, path: Path, depth: int) -> Any:
        self._check(event, path, depth)
        self.lines[path] = _line(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return _scalar(event, path)

    def _check(self, event: yaml.Event, path: Path, depth: int) -> None:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise _invalid("Write the value itself: & and * are not accepted.", line, path)
        if event.tag:
            message = f"Leave the tag {event.tag} out. Write text in quotes."
            raise _invalid(message, line, path)
        self._values += 1
        if self._values > MAX_VALUES:
            raise _invalid(f"The file has more than {MAX_VALUES:,} values.", line)
        if depth > MAX_DEPTH:
            raise _invalid(f"Values are nested more than {MAX_DEPTH} deep.", line)

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, len(found)), depth + 1))
        return found

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            self._check(event, path, depth + 1)
            key = _scalar(event, path) if isinstance(event, yaml.ScalarEvent) else None
            if not isinstance(key, str):
                raise _invalid("A key has to be text: write it in quotes.", _line(event), path)
            if key in found:
                raise _invalid("The key is there twice.", _line(event), (*path, key))
            found[key] = self._value(next(self._events), (*path, key), depth + 1)
            self.lines[*path, key] = _line(event)
        return found


def _scalar(event: yaml.ScalarEvent, path: Path) -> Any:
    text = event.value
    if storable(text) != text:
        raise _invalid("It has a character that cannot be stored.", _line(event), path)
    if not event.implicit[0]:  # in quotes or a block
        return text
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    return float(text) if DECIMAL.fullmatch(text) else text


def _invalid(message: str, line: int = 0, path: Path = ()) -> InvalidDescription:
    return InvalidDescription([Fault(path, message, line)])


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
