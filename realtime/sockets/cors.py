"""Which pages of other origins may read event streams: by the settings and the library that also
decide about the API, though Django's middleware does not see these requests.
"""

import io
from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse

Headers = list[tuple[bytes, bytes]]

_rules = CorsMiddleware(lambda request: HttpResponse())


def headers_for(scope: dict[str, Any]) -> Headers:
    """The CORS headers of each answer to this request, a refusal included."""
    answer = HttpResponse()
    del answer.headers["Content-Type"]
    _rules.add_response_headers(ASGIRequest(scope, io.BytesIO()), answer)
    return [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]


def is_preflight(scope: dict[str, Any]) -> bool:
    """Whether a browser asks first if a page may send its request. That carries no credentials."""
    return _rules.check_preflight(ASGIRequest(scope, io.BytesIO())) is not None
