"""What a page gives its live connection."""

from django import template

from realtime.sockets.session_tag import tag_of

register = template.Library()


@register.simple_tag(takes_context=True)
def session_tag(context: template.Context) -> str:
    """Names the session of a signed-in user for the page's live connection, else it is empty."""
    request = context.get("request")
    session = getattr(request, "session", None)  # an error page may come before there is one
    if session is None or not request.user.is_authenticated or not session.session_key:
        return ""
    return tag_of(session.session_key)
