"""Headers of all responses below ``/api/`` and ``/v1/``, also of those without a view."""

from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.http import ConditionalGetMiddleware
from django.utils.cache import patch_cache_control, patch_vary_headers

from crewops.api.problems import MEDIA_TYPE, problem

PREFIXES = ("/api/", "/v1/")
DISALLOWED_HOST = (
    "This site does not answer to that host name. "
    "Call it by its own, or add the name to ALLOWED_HOSTS."
)


class ApiHeaders:
    """Django middleware that sets the caching headers and ``Allow``.

    It must come before all other middleware that can respond. For a host name that is not allowed
    it returns a problem instead of Django's page.

    A response belongs to one user, so it is ``private``. The client must revalidate its copy before
    each use; a copy that is still current gets a 304. Any response except a successful GET or HEAD
    is ``no-store``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._conditional = ConditionalGetMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIXES):
            return self._get_response(request)
        try:
            request.get_host()
        except DisallowedHost:
            response = _problem(400, code="bad_host", detail=DISALLOWED_HOST)
        else:
            response = self._get_response(request)
        _correct_allow(response)
        if request.method not in ("GET", "HEAD") or response.status_code != 200:
            patch_cache_control(response, no_store=True)
            return response
        if "Cache-Control" not in response.headers:
            patch_cache_control(response, private=True, no_cache=True)
        patch_vary_headers(response, ("Authorization", "Cookie"))
        return self._conditional.process_response(request, response)


def _correct_allow(response: HttpResponse) -> None:
    """Remove OPTIONS, which DRF lists. It gets a 405 here: the schema describes the API."""
    if allowed := response.headers.get("Allow"):
        methods = [method for method in allowed.split(", ") if method != "OPTIONS"]
        response.headers["Allow"] = ", ".join(methods)


def _problem(status: int, *, code: str, detail: str) -> JsonResponse:
    body = problem(status, code=code, detail=detail)
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)
