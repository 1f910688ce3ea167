"""Values as the run page shows them."""

import json
from datetime import datetime
from typing import Any

from django import template

from runs.models import Run
from runs.timeline import clock

SUMMARY_CHARS = 160

register = template.Library()
register.filter(clock)


@register.filter
def moment_of(at: datetime, run: Run) -> str:
    """How long after the run's start that was, as a clock shows it."""
    since = run.started_at or run.created_at
    return clock(round((at - since).total_seconds(), 1))


@register.filter
def summary(params: dict[str, Any]) -> str:
    """The parameters of a tool in one line: ``bash · make report …``."""
    return " · ".join(filter(None, map(_in_short, params.items())))[:SUMMARY_CHARS]


@register.filter
def as_text(value: Any) -> str:
    """A parameter in full: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def _in_short(param: tuple[str, Any]) -> str:
    name, value = param
    if isinstance(value, str):
        first, *more = value.strip().split("\n", 1)
        return f"{first} …" if more else first
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"{name} {as_text(value)}"
