"""Show the parameters of a call that needs approval, with nothing left out."""

import dataclasses
import enum
import json
from typing import Any

from .value_snapshot import AS_TEXT


def whole(params: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Return a copy of the parameters as JSON values, and its length in characters as JSON.

    Raises TypeError for a value that is not known here, because a person and the approval rules
    could not see what is in it. Raises ValueError or RecursionError for a value that JSON cannot
    have: NaN, a value that contains itself, two keys with the same text.
    """
    text = json.dumps(params, default=_plain, allow_nan=False)
    return json.loads(text, object_pairs_hook=_once), len(text)


def _plain(value: Any) -> Any:
    """Return a value that `json` does not know in a form that it knows, or whose parts are known.

    Runs no code of the host's objects that may be slow or leave something out.
    """
    kind = type(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return list(value)
    if isinstance(value, AS_TEXT):
        return str(value)
    if dataclasses.is_dataclass(kind):
        fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(kind)}
        return {**getattr(value, "__dict__", {}), **fields}
    if hasattr(kind, "model_fields"):  # a model of Pydantic: `model_dump` may leave out fields
        return {**vars(value), **(getattr(value, "__pydantic_extra__", None) or {})}
    raise TypeError(f"pass plain values instead of the type {kind.__qualname__}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("two keys of a parameter have the same text")
    return found
