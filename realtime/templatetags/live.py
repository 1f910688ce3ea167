"""Formats of values on pages."""

from django import template

from realtime.sockets.session_tag import tag_of
from runs import usage_format
from runs.durations import duration
from runs.execution.waits import Wait, Waits
from runs.models import Run

register = template.Library()
register.filter(usage_format.tokens)
register.filter(usage_format.usd)
register.filter(duration)


@register.filter
def percent(share: float) -> int:
    """A progress of 0..1 in whole percent."""
    return round(share * 100)


@register.simple_tag(takes_context=True)
def wait(context: template.Context, run: Run) -> Wait | str:
    """Return why a queued run waits. The request caches the data for the other rows of the page."""
    waits = context["request"].__dict__.setdefault("waits", Waits())
    return waits.of(run) or ""


@register.simple_tag(takes_context=True)
def session_tag(context: template.Context) -> str:
    """Names the session of a signed-in user for the page's live connection, else it is empty."""
    request = context.get("request")
    session = getattr(request, "session", None)  # an error page may come before there is one
    if session is None or not request.user.is_authenticated or not session.session_key:
        return ""
    return tag_of(session.session_key)


@register.filter
def run_name(run: Run) -> str:
    """The name that a program has given the run that it reports; "" if there is none."""
    return run.reported.name if run.is_reported else ""


@register.filter
def run_title(run: Run) -> str:
    """A short name of a run among those of its crew: its own name, else the beginning of its id."""
    return run_name(run) or f"Run {str(run.pk)[:8]}"
