"""Filters and tags that format values for the run page."""

import json
import re
from datetime import datetime
from typing import Any

from django import template

from runs.execution.waits import Wait, Waits
from runs.models import Run
from runs.pages.control_events import steps
from runs.pages.run_window import Window
from runs.pages.timeline import clock

SUMMARY_CHARS = 160
# Characters that Unicode counts as printable although nobody sees them.
BLANK = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    r"\U000e0100-\U000e01ef]"
)
NOT_ASCII = re.compile(r"[^ -~\n\t]")

register = template.Library()
register.filter(clock)
register.filter("steps", steps)


@register.simple_tag(takes_context=True)
def wait(context: template.Context, run: Run) -> Wait | str:
    """Return why a queued run waits. The request caches the data for the other rows of the page."""
    waits = context["request"].__dict__.setdefault("waits", Waits())
    return waits.of(run) or ""


@register.filter
def moment_of(at: datetime, run: Run) -> str:
    """Return the time from the run's start to ``at``, formatted by ``clock``."""
    since = run.started_at or run.created_at
    return clock(round((at - since).total_seconds(), 1))


@register.filter
def percentage(share: float) -> str:
    """Return a position in the timeline for SVG: ``41.023%``."""
    return f"{share:.3f}%"


@register.filter
def to_second(at: datetime) -> str:
    """Return a time without its fraction: ``2026-01-31 12:00:00``."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


@register.filter
def summary(params: dict[str, Any]) -> str:
    """Return the parameters of a tool in one line: ``bash · make report …``."""
    return " · ".join(filter(None, map(_in_short, params.items())))[:SUMMARY_CHARS]


@register.simple_tag
def part(window: Window, **changes: Any) -> str:
    """Return the URL of another part of the run. Parts that are not given stay the same."""
    return f"?{window.query(**changes)}"


@register.filter
def as_text(value: Any) -> str:
    """Return a whole parameter: a text unchanged, any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


@register.filter
def visible(text: Any) -> str:
    """Return ``text`` with an escape (``\\u202e``) for each character that nobody sees.

    So it cannot change the order or hide a part of what a person approves. Newlines and tabs stay.
    """
    return NOT_ASCII.sub(_seen, str(text))


@register.filter
def as_json(value: str) -> str:
    """Return a text for a script. A parser of HTML would change carriage returns and NUL."""
    return json.dumps(value)


def _seen(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable() and not BLANK.match(character):
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _in_short(param: tuple[str, Any]) -> str:
    name, value = param
    if isinstance(value, str):
        first, *more = value.strip().split("\n", 1)
        return f"{first} …" if more else first
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"{name} {as_text(value)}"
