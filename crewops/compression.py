"""Gzip compression of pages and API responses, for clients that accept it.

The BREACH attack guesses a secret of a page from its compressed length. There are three measures
against it. Django's middleware adds up to 100 random bytes to each response. Its CSRF token is
masked anew in each page. Responses that contain tokens are not compressed.
"""

from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware

from crewops.monitor_paths import MONITOR_PATHS

# Not compressed: health and metrics, because nearby machines request them; static files, because
# they are compressed beforehand; tokens, because they are the secrets themselves.
UNCOMPRESSED_PATHS = (*MONITOR_PATHS, "/static/", "/api/token/")


class Compression(GZipMiddleware):
    """Django's middleware, except for streamed responses and paths in ``UNCOMPRESSED_PATHS``."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.streaming or request.path_info.startswith(UNCOMPRESSED_PATHS):
            return response
        return super().process_response(request, response)
