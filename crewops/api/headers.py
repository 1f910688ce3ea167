"""What every answer below ``/api/`` says in its headers, also those that no view of ours made."""

from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.http import ConditionalGetMiddleware
from django.utils.cache import patch_cache_control, patch_vary_headers

from crewops.api.problems import MEDIA_TYPE, problem

PREFIX = "/api/"
DISALLOWED_HOST = "This site does not answer to that host name. Call it by its own, or add the name to ALLOWED_HOSTS."


class ApiHeaders:
    """Django middleware, before all others that answer: problems instead of Django's pages, caching and
    ``Allow``.

    An answer is for one user, so it is ``private``, and asked for again before it is used again; a
    copy that is still right is answered 304. What is no successful GET is not kept at all.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._conditional = ConditionalGetMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
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
    """DRF lists OPTIONS, which answers 405 with the rest: the schema describes the API."""
    if allowed := response.headers.get("Allow"):
        methods = [method for method in allowed.split(", ") if method != "OPTIONS"]
        response.headers["Allow"] = ", ".join(methods)


def _problem(status: int, *, code: str, detail: str) -> JsonResponse:
    body = problem(status, code=code, detail=detail)
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)
