"""Sequences of callbacks of real frameworks, as JSON: how they are written, read and replayed.

`integrations/` records them with the real thing; the tests replay them without it.
"""

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from crewops_client.controls import Cancelled

# Where recordings are read and written.
VECTORS = Path(os.environ.get("VECTORS") or Path(__file__).with_name("vectors"))
IDS = ("call_id", "execution_id", "instance", "parent_task_id", "task_id")
PACKAGES = re.compile(r"/\S*/site-packages/")  # a path of one machine
CHANGING = ("at", "controls", "duration_s", "first_token_s", "id", "run")


def normalised(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what differs each time; ids by the order in which they come."""
    names: dict[str, str] = {}
    result = []
    for event in events:
        kept = {key: event[key] for key in sorted(event) if key not in CHANGING}
        for key in IDS:
            if key in kept:
                kept[key] = names.setdefault(kept[key], f"#{len(names) + 1}")
        result.append(kept)
    return result


def plain(value: Any, attributes: Iterable[str], depth: int = 12) -> Any:
    """`value` as JSON; of an object the `attributes` that it has."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, dict):
        return {str(key): plain(item, attributes, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item, attributes, depth - 1) for item in value]
    if isinstance(value, BaseException):
        names = [(each.__module__, each.__name__) for each in type(value).__mro__[:-1]]
        shown = {"__error__": names, "text": PACKAGES.sub("", str(value))}
        cause = value.__cause__
        return {**shown, "cancelled": str(cause)} if isinstance(cause, Cancelled) else shown
    found = {name: getattr(value, name, None) for name in attributes}
    kept = {name: item for name, item in found.items() if item is not None and not callable(item)}
    if not kept:
        return str(value) if type(value).__name__ == "UUID" else f"<{type(value).__name__}>"
    kind = type(value).__name__
    return {"__kind__": kind, **{k: plain(v, attributes, depth - 1) for k, v in kept.items()}}


def revived(value: Any) -> Any:
    """What stands in for the framework's objects."""
    if isinstance(value, list):
        return [revived(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "__error__" in value:
        base: type = BaseException
        for module, name in reversed(value["__error__"][:-1]):
            base = type(name, (base,), {"__module__": module})
        error = base(value["text"])
        if "cancelled" in value:
            error.__cause__ = Cancelled(value["cancelled"])
        return error
    items = {key: revived(item) for key, item in value.items() if key != "__kind__"}
    if "__kind__" not in value:
        return items
    return type(value["__kind__"], (SimpleNamespace,), {})(**items)


def write(name: str, versions: dict[str, str], cases: list[dict[str, Any]]) -> None:
    text = json.dumps({"versions": versions, "cases": cases}, separators=(",", ":"), indent=None)
    (VECTORS / f"{name}.json").write_text(
        text.replace("],[", "],\n[").replace("},{", "},\n{") + "\n"
    )


def cases(name: str, *, gated: bool = False) -> list[dict[str, Any]]:
    """The cases without a gate, or those where a gate asks before a tool begins."""
    found = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    return [case for case in found if ("decision" in case) is gated]


def replay(calls: list[Any], handler: Callable[[str], Callable[..., Any]]) -> None:
    """Make the recorded calls on the methods that `handler` names."""
    for name, args, kwargs in calls:
        handler(name)(*revived(args), **revived(kwargs))
