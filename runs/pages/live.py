"""Pages that change while one watches: whole, or only the part that changes."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def render_live(request: HttpRequest, page: str, context: dict[str, Any]) -> HttpResponse:
    """The page, or with the header ``X-Fragment`` the part of it that changes.

    ``page``: ``runs/runs`` for the templates ``runs/runs.html`` and ``runs/_runs.html``, the part.
    """
    app, _, name = page.partition("/")
    template = "parts/_fragment.html" if "X-Fragment" in request.headers else f"{page}.html"
    return render(request, template, context | {"live_template": f"{app}/_{name}.html"})
