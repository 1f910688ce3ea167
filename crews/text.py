"""Text as every part of the system can carry it: both databases, JSON, Redis and a browser."""

import math
import re
from typing import Any

# PostgreSQL stores no NUL; a surrogate without its other half is no Unicode and has no bytes.
UNSAFE = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> Any:
    """``value`` with U+FFFD for each character that cannot be stored, so that it stays as long.

    Goes into lists and dicts, where NaN and infinity become ``None``; anything else stays as it is.
    """
    if isinstance(value, str):
        return UNSAFE.sub("\ufffd", value) if UNSAFE.search(value) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value
