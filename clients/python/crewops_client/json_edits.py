"""Changes to the text of a JSON file that leave every other character as it is."""

import json
import re
from typing import Any, NamedTuple

SPACE = re.compile(r"[ \t\r\n]*")
_decoder = json.JSONDecoder()


class Member(NamedTuple):
    """A member of an object, or an element of a list (its `name` is ""), and its place."""

    name: str
    start: int  # of its name, or of its value in a list
    value: int
    end: int


def members(text: str, start: int) -> tuple[list[Member], int]:
    """Return the members of the object or list that begins at `start`, and where it closes."""
    is_object, found = text[start] == "{", []
    at = _skip(text, start + 1)
    while text[at] not in "}]":
        name, begin = "", at
        if is_object:
            name, at = _decoder.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)  # the colon
        value = at
        _, at = _decoder.raw_decode(text, at)
        found.append(Member(name, begin, value, at))
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found, at


def find(text: str, *names: str) -> int | None:
    """Return where the value at the path `names` begins, or None. The path begins at the root."""
    at = _skip(text, 0)
    for name in names:
        position = position_of(text, at, name)
        if position is None:
            return None
        at = members(text, at)[0][position].value
    return at


def position_of(text: str, start: int, name: str) -> int | None:
    """Return the position of the last member with the name, which counts in JSON, or None."""
    found = [i for i, member in enumerate(members(text, start)[0]) if member.name == name]
    return found[-1] if found else None


def insert(text: str, start: int, name: str, value: Any, indent: str) -> str:
    """Add a last member to the object (or list: without `name`) that begins at `start`."""
    there, close = members(text, start)
    depth = _depth(text, start)
    is_inline = there and "\n" not in text[start : there[0].start]
    own = indent * (depth + 1)
    shown = json.dumps(value, ensure_ascii=False, indent=None if is_inline else indent)
    shown = shown.replace("\n", f"\n{own}")
    if name:
        shown = f"{json.dumps(name)}: {shown}"
    if is_inline:
        return f"{text[: there[-1].end]}, {shown}{text[there[-1].end :]}"
    if there:
        return f"{text[: there[-1].end]},\n{own}{shown}{text[there[-1].end :]}"
    return f"{text[: start + 1]}\n{own}{shown}\n{indent * depth}{text[close:]}"


def remove(text: str, start: int, position: int) -> str:
    """Remove a member, with the comma and the space before it, or after it if it is the first."""
    there, close = members(text, start)
    if len(there) == 1:
        return text[: start + 1] + text[close:]
    if position:
        return text[: there[position - 1].end] + text[there[position].end :]
    return text[: there[0].start] + text[there[1].start :]


def indent_of(text: str) -> str:
    """Return the indentation of the file: that of its first indented line."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _depth(text: str, start: int) -> int:
    """Return how many objects and lists are around `start`. The text must be valid JSON."""
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", text[:start])
    return sum(map(outside.count, "{[")) - sum(map(outside.count, "}]"))


def _skip(text: str, at: int) -> int:
    return SPACE.match(text, at).end()  # type: ignore[union-attr]  # it also matches an empty text
