"""Make small copies of the host's values, because the host may change them later."""

import contextlib
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import types
import uuid
from collections.abc import Collection
from itertools import islice
from typing import Any

TEXT = 4_000  # characters of one text
NODES = 200  # values in all
DEPTH = 6
NODE = 50  # approximate bytes of a value; the characters of a longer text are added
LONG = 1_000  # a smaller copy is not counted by itself
TRIES = 3  # to read what another thread changes

AS_TEXT = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    pathlib.PurePath,
    uuid.UUID,
)


class Long(dict[str, Any]):
    """A copy that needs much memory: about `size` bytes."""

    __slots__ = ("size",)
    size: int


def snapshot(value: Any) -> Any:
    """Return ``value`` as JSON values of a bounded size. Runs no code of the host's objects.

    ``repr`` of an object may be slow or have side effects (a query, a request). So a value of a
    type that is not known here is shown as the name of its class. A dict of more than `LONG` bytes
    becomes a `Long`, which says its size.
    """
    left = [NODES, 0]  # values that may follow, and characters of longer texts so far
    copied = _copy(value, 0, left)
    size = left[1] + (NODES - left[0]) * NODE
    if size <= LONG or type(copied) is not dict:
        return copied
    long = Long(copied)
    long.size = size
    return long


def _copy(value: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    kind = type(value)
    if kind is str:
        return value if len(value) <= NODE else _text(value, left)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if -(2**53) <= value <= 2**53 else f"{value:#x}"[:TEXT]
    if kind is float:
        return value if math.isfinite(value) else None
    try:
        if kind is dict or kind is Long:
            return _items(value, depth, left)
        if kind in (list, tuple, set, frozenset):
            return _members(value, depth, left)
        return _other(value, depth, left)
    except Exception:  # the values beside it are shown
        return f"<{kind.__name__}>"


def _text(value: str, left: list[int]) -> str:
    kept = value if len(value) <= TEXT else value[:TEXT] + "…"
    left[1] += len(kept)
    return kept


def _members(value: Collection[Any], depth: int, left: list[int]) -> Any:
    if depth >= DEPTH:
        return "…"
    copied = []
    for item in _first(value, left):
        if left[0] <= 0:
            copied.append("…")
            break
        copied.append(_copy(item, depth + 1, left))
    return copied


def _items(value: dict[Any, Any], depth: int, left: list[int]) -> Any:
    if depth >= DEPTH:
        return "…"
    copied = {}
    for key, item in _first(value.items(), left):
        if left[0] <= 0:
            copied["…"] = "…"
            break
        name = key if type(key) is str else str(_copy(key, DEPTH, left))
        if len(name) > NODE:
            name = name[:200]
            left[1] += len(name)
        copied[name] = _copy(item, depth + 1, left)
    return copied


def _first(values: Collection[Any], left: list[int]) -> list[Any]:
    """Return as many values as may be kept, and one more. Copies no others: there may be millions.

    Raises RuntimeError if another thread changes them each time.
    """
    count = max(left[0], 0) + 1
    for _ in range(TRIES - 1):
        try:
            return list(islice(values, count))
        except RuntimeError:  # changed meanwhile
            continue
    return list(islice(values, count))


def _other(value: Any, depth: int, left: list[int]) -> Any:
    if isinstance(value, enum.Enum):
        return _copy(value.value, depth, left)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        return _text(str.__getitem__(value, slice(TEXT + 1)), left)
    if isinstance(value, AS_TEXT):
        return str(value)[:TEXT]
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        return _items(_attributes(value, kind), depth, left)
    if hasattr(kind, "model_fields"):  # pydantic
        return _items(vars(value), depth, left)
    return f"<{kind.__module__}.{kind.__qualname__}>"


def _attributes(value: Any, kind: type[Any]) -> dict[str, Any]:
    """Return the attributes of a dataclass, also of one with slots."""
    own: dict[str, Any] = {}
    with contextlib.suppress(AttributeError):
        own = object.__getattribute__(value, "__dict__")
    found = {}
    for field in dataclasses.fields(kind):
        if field.name not in own and (slot := _slot(kind, field.name)) is not None:
            with contextlib.suppress(AttributeError):  # not set
                found[field.name] = slot.__get__(value)
    return {**found, **own} if found else own


def _slot(kind: type[Any], name: str) -> Any:
    """Return the slot, or None. Another descriptor, such as a property, may run code."""
    for base in kind.__mro__:
        if name in vars(base):
            found = vars(base)[name]
            return found if isinstance(found, types.MemberDescriptorType) else None
    return None
