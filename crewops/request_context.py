"""The id of each request, from the edge of the site to the last log line about it."""

import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, bound_contextvars

HEADER = b"x-request-id"
GIVEN = re.compile(
    r"[A-Za-z0-9._-]{8,64}"
)  # what a proxy's id may look like; any other is replaced
SELDOM_OF_INTEREST = ("/healthz", "/readyz", "/metrics", "/static/")

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

logger = logging.getLogger("crewops.requests")


class RequestContext:
    """ASGI middleware round everything: takes over or makes ``X-Request-ID``, binds it to the context,
    answers with it, and logs each HTTP request when it has been answered, without its query.
    """

    def __init__(self, application: Callable) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Callable, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._application(scope, receive, send)
        request_id = _given(scope) or uuid4().hex
        answer = _Answer(scope, send, request_id)
        with bound_contextvars(request_id=request_id):
            await self._application(scope, receive, answer.send)


class _Answer:
    """The way out of one request. A socket keeps it for as long as it is open."""

    __slots__ = ("_begun", "_header", "_scope", "_send", "_status")

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._scope = scope
        self._send = send
        self._header = (HEADER, request_id.encode())
        self._begun = time.monotonic()
        self._status = 0

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] in ("http.response.start", "websocket.accept"):
            headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != HEADER]
            message = {**message, "headers": [*headers, self._header]}
            self._status = message.get("status", 0)
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._log()

    def _log(self) -> None:
        method, path = self._scope["method"], quote(self._scope["path"])
        level = logging.DEBUG if path.startswith(SELDOM_OF_INTEREST) else logging.INFO
        took_ms = round((time.monotonic() - self._begun) * 1000, 1)
        facts = {"method": method, "path": path, "status": self._status, "duration_ms": took_ms}
        logger.log(level, "%s %s %s", method, path, self._status, extra=facts)


class UserContext:
    """Django middleware: binds the user of a session. A token's user is bound where it is checked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *args: Any) -> None:
        if request.user.is_authenticated:
            bind_contextvars(user_id=request.user.pk)


def _given(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER and GIVEN.fullmatch(text := value.decode("latin-1")):
            return text
    return None
