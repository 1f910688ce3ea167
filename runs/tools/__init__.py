"""The tools of agents: one file per tool, and one line per tool in ``REGISTRY``."""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from runs.tools.base import Emitter, Outcome, Params, Status, Tool
from runs.tools.git_clone import GitClone
from runs.tools.pytest import Pytest
from runs.tools.script import Script
from runs.tools.text_parameters import refuse_numbers

MAX_STEPS = 50

REGISTRY: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        GitClone(),
        Pytest(),
        Script(),
    )
}

__all__ = ["Emitter", "Outcome", "Params", "Status", "Tool", "get", "validate_steps"]


def get(name: str) -> Tool:
    """Return the tool with this name. Raises LookupError with the known names."""
    try:
        return REGISTRY[name]
    except KeyError:
        raise LookupError(f"There is no tool {name!r}. Choose one of: {_names()}.") from None


def validate_steps(steps: Any, *, is_stored: bool = False) -> None:
    """Reject steps that cannot be executed.

    ``is_stored``: numbers may stand for text, as they could in steps that were saved earlier.

    Steps are ``[{"tool": name, "params": {...}}, ...]``. Raises Django's ValidationError with one
    message for each fault, such as ``Step 2 (pytest): args: Expected a list of items ...``.
    """
    if not isinstance(steps, list):
        raise ValidationError('Steps must be a list: [{"tool": "script", "params": {...}}, ...].')
    if len(steps) > MAX_STEPS:
        raise ValidationError(f"At most {MAX_STEPS} steps; these are {len(steps)}.")
    faults = [
        f"Step {number}{fault}"
        for number, step in enumerate(steps, start=1)
        for fault in _faults(step, is_stored)
    ]
    if faults:
        raise ValidationError(faults)


def _faults(step: Any, is_stored: bool) -> list[str]:
    if not isinstance(step, dict) or not isinstance(step.get("tool"), str):
        return [': write {"tool": name, "params": {...}}.']
    name = step["tool"]
    if extra := sorted(str(key) for key in step.keys() - {"tool", "params"}):
        return [f" ({name}): unknown key {', '.join(extra)}; a step has tool and params."]
    try:
        tool = get(name)
    except LookupError as error:
        return [f": {error}"]
    try:
        tool.clean(step.get("params", {}))
        if not is_stored:
            refuse_numbers(tool.params(), step.get("params", {}))
    except serializers.ValidationError as error:
        return [f" ({name}): {message}" for message in _messages(error.detail)]
    return []


def _messages(detail: Any, path: str = "") -> list[str]:
    """Flatten a DRF error detail: ``args[2]: Not a valid string.``"""
    if isinstance(detail, dict):
        pairs = [
            (f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}".lstrip("."), value)
            for key, value in detail.items()
            if key != "non_field_errors"
        ]
        whole = _messages(detail.get("non_field_errors", []), path)
        return whole + [line for key, value in pairs for line in _messages(value, key)]
    if isinstance(detail, list):
        return [line for item in detail for line in _messages(item, path)]
    return [f"{path}: {detail}" if path else str(detail)]


def _names() -> str:
    return ", ".join(sorted(REGISTRY))
