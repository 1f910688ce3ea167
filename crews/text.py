"""Text in a form for every part of the system: both databases, JSON, Redis and a browser."""

import math
import re
from decimal import Decimal
from typing import Any
from uuid import UUID

UNCHANGED = {int, bool, type(None)}
# PostgreSQL cannot store NUL. A surrogate without its other half is not Unicode and has no bytes.
UNSAFE = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> Any:
    """Return ``value`` with U+FFFD for each character that cannot be stored; its length stays.

    Lists and dicts are converted recursively. NaN and infinity become ``None``. Anything else stays
    unchanged.
    """
    kind = type(value)
    if kind is str and value.isascii() and "\0" not in value:  # a third of the search's time
        return value
    if kind in UNCHANGED:
        return value
    if isinstance(value, str):
        return UNSAFE.sub("\ufffd", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def is_uuid(text: str) -> bool:
    """Whether this is a UUID as we write it: in small letters, with hyphens."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def plain_number(value: Any) -> str:
    """``2.5``, where a decimal column has 2.5000."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
