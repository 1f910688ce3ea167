"""Formats of values on pages."""

from django import template

from runs import usage_format
from runs.durations import duration
from runs.models import Run

register = template.Library()
register.filter(usage_format.tokens)
register.filter(usage_format.usd)
register.filter(duration)


@register.filter
def percent(share: float) -> int:
    """A progress of 0..1 in whole percent."""
    return round(share * 100)


@register.filter
def run_name(run: Run) -> str:
    """The name that a program has given the run that it reports; "" if there is none."""
    return run.reported.name if run.is_reported else ""


@register.filter
def run_title(run: Run) -> str:
    """A short name of a run among those of its crew: its own name, else the beginning of its id."""
    return run_name(run) or f"Run {str(run.pk)[:8]}"
