"""Make small copies of the host's values, because the host may change them later."""

import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import uuid
from typing import Any

TEXT = 4_000  # characters of one text
NODES = 200  # values in all
DEPTH = 6

_AS_TEXT = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    pathlib.PurePath,
    uuid.UUID,
)


def snapshot(value: Any) -> Any:
    """Return ``value`` as JSON values of a bounded size. Runs no code of the host's objects.

    ``repr`` of an object may be slow or have side effects (a query, a request). So a value of a
    type that is not known here is shown as the name of its class.
    """
    try:
        return _copy(value, 0, [NODES])
    except Exception:
        return f"<{type(value).__name__}>"


def _copy(value: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    kind = type(value)
    if kind is str:
        return value if len(value) <= TEXT else value[:TEXT] + "…"
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if -(2**53) <= value <= 2**53 else f"{value:#x}"[:TEXT]
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is dict:
        return _items(value, depth, left)
    if kind in (list, tuple, set, frozenset):
        if depth >= DEPTH:
            return "…"
        copied = []
        for item in list(value):
            if left[0] <= 0:
                copied.append("…")
                break
            copied.append(_copy(item, depth + 1, left))
        return copied
    return _other(value, depth, left)


def _items(value: dict[Any, Any], depth: int, left: list[int]) -> Any:
    if depth >= DEPTH:
        return "…"
    copied = {}
    for key, item in list(value.items()):
        if left[0] <= 0:
            copied["…"] = "…"
            break
        name = key if type(key) is str else str(_copy(key, DEPTH, left))
        copied[name[:200]] = _copy(item, depth + 1, left)
    return copied


def _other(value: Any, depth: int, left: list[int]) -> Any:
    if isinstance(value, enum.Enum):
        return _copy(value.value, depth, left)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        return _copy(str.__str__(value), depth, left)
    if isinstance(value, _AS_TEXT):
        return str(value)[:TEXT]
    kind = type(value)
    if dataclasses.is_dataclass(kind) or hasattr(kind, "model_fields"):  # the latter: pydantic
        return _items(dict(vars(value)), depth, left)
    return f"<{kind.__module__}.{kind.__qualname__}>"
