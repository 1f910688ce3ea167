"""Pages and answers of the API are compressed for clients that take gzip.

BREACH guesses a secret of a page from its compressed length. Django's middleware adds up to 100 random
bytes to each answer, its CSRF token is masked anew in each page, and answers with tokens are left out.
"""

from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware

# Health and metrics are asked for by machines nearby, static files are compressed beforehand, and
# tokens are the secrets themselves.
AS_THEY_ARE = ("/healthz", "/readyz", "/metrics", "/static/", "/api/token/")


class Compression(GZipMiddleware):
    """Django's own, but for answers that are streamed or for which it would be of no use."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.streaming or request.path_info.startswith(AS_THEY_ARE):
            return response
        return super().process_response(request, response)
