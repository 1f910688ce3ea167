"""Values as the pages show them. `pages/times.js` writes durations the same way."""

from django import template

from runs.models import Run
from runs.waits import Wait, Waits

MINUTE_S = 60
HOUR_S = 3600

register = template.Library()


@register.filter
def duration(seconds: float) -> str:
    """``840 ms``, ``3.2 s``, ``42 s``, ``1 min 04 s``, ``2 h 05 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min {whole % MINUTE_S:02} s"
    return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02} min"


@register.filter
def percent(share: float) -> int:
    """A progress of 0..1 in whole percent."""
    return round(share * 100)


@register.simple_tag(takes_context=True)
def wait(context: template.Context, run: Run) -> Wait | str:
    """What a queued run waits for; the request keeps what was read, for the other rows of the page."""
    waits = context["request"].__dict__.setdefault("waits", Waits())
    return waits.of(run) or ""


@register.filter
def run_title(run: Run) -> str:
    """A run among those of its crew: the beginning of its id, as it stands in its address."""
    return f"Run {str(run.pk)[:8]}"
