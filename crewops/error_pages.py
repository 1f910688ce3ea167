"""The site's own 404 page, with DEBUG on as well.

Django's page would list every route. On a fresh checkout, a dead link now shows the page that users
see.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.defaults import page_not_found


class OwnNotFound:
    """Django middleware; must be the last one. Without DEBUG, Django itself shows this page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if settings.DEBUG and response.status_code == 404 and request.resolver_match is None:
            return page_not_found(request, Http404())
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if settings.DEBUG and isinstance(error, Http404):
            return page_not_found(request, error)
        return None
