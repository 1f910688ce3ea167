"""``/favicon.ico``, which browsers request for what names no icon: plain text, JSON, a feed."""

from functools import cache

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe


@cache
def _logo() -> bytes:
    with open(finders.find("realtime/logo.svg"), "rb") as file:
        return file.read()


@require_safe
@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_logo(), content_type="image/svg+xml")
