"""Log context, request id and log line of each HTTP request. Sockets have their own."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from prometheus_client import Histogram
from structlog.contextvars import bind_contextvars, bound_contextvars

from crewops.monitor_paths import MONITOR_PATHS
from realtime.sockets import request_id

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
REQUESTS = Histogram(
    "crewops_http_request_seconds",
    "Time until the answer began, but for health checks, metrics and static files.",
    ["method", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
QUIET_PATHS = (*MONITOR_PATHS, "/static/")

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

logger = logging.getLogger("crewops.requests")


class RequestContext:
    """ASGI middleware for HTTP: handles ``X-Request-ID`` and logs each request after its response.

    The id is taken from the request or made. It is bound to the context and sent with the response.
    The log line does not contain the query.
    """

    def __init__(self, application: Callable) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Callable, send: Send) -> None:
        begun = time.monotonic()
        status, began_to_answer = 0, begun

        async def answer(message: dict[str, Any]) -> None:
            nonlocal status, began_to_answer
            if message["type"] == "http.response.start":
                status, began_to_answer = message["status"], time.monotonic()
                message = {**message, "headers": [*message["headers"], request_id.header()]}
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                _log(scope, status, time.monotonic() - begun)
                _measure(scope, status, began_to_answer - begun)

        with bound_contextvars(request_id=request_id.of(scope)):
            await self._application(scope, receive, answer)


class UserContext:
    """Django middleware: binds a session's user. A token's user is bound when it is checked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *args: Any) -> None:
        if request.user.is_authenticated:
            bind_contextvars(user_id=request.user.pk)


def _log(scope: Scope, status: int, took_s: float) -> None:
    method, path = scope["method"], quote(scope["path"])
    level = logging.DEBUG if path.startswith(QUIET_PATHS) else logging.INFO
    facts = {"method": method, "path": path, "status": status}
    facts["duration_ms"] = round(took_s * 1000, 1)
    logger.log(level, "%s %s %s", method, path, status, extra=facts)


def _measure(scope: Scope, status: int, took_s: float) -> None:
    """Count the time until the answer began: its body may wait for a person, or for its reader."""
    if not scope["path"].startswith(QUIET_PATHS):
        method = scope["method"] if scope["method"] in METHODS else "other"
        REQUESTS.labels(method, status).observe(took_s)


def known_labels() -> dict[Histogram, list[tuple[str, int]]]:
    """The series of `REQUESTS` that exist before the first such request: those to monitor."""
    watched = (200, 400, 401, 403, 404, 429, 500, 503)
    return {REQUESTS: [(method, status) for method in ("GET", "POST") for status in watched]}
