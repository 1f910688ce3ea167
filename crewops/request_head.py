"""Request heads that are refused before any application sees them, and the responses to them.

RFC 9112 requires one valid ``Host``; RFC 6455 requires the version of a handshake. The rest are
limits.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from crewops.api.problems import MEDIA_TYPE, problem

HEAD_LIMIT = 64 * 1024  # bytes of request line and headers; each header counts as `name: value`
HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(:[0-9]*)?")
WEBSOCKET_VERSION = b"13"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade, close",
    "Sec-WebSocket-Version": WEBSOCKET_VERSION.decode(),
}

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """A response that replaces the application's."""

    status: HTTPStatus
    code: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def problem(self) -> dict[str, Any]:
        return problem(self.status, code=self.code, detail=self.detail)

    def wire(self) -> list[tuple[bytes, bytes]]:
        """The response headers as ASGI has them, including those of the body."""
        headers = {"content-type": MEDIA_TYPE, "cache-control": "no-store", **self.headers}
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(
        self, scope: dict[str, Any], receive: Any, send: Callable[..., Awaitable[None]]
    ) -> None:
        """As an ASGI application: send this response to any request and end the connection."""
        body = json.dumps(self.problem).encode()
        headers = [*self.wire(), (b"content-length", str(len(body)).encode())]
        if "Connection" not in self.headers:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


TOO_LARGE = ErrorResponse(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "head_too_large",
    f"The request line and the headers are too large: {HEAD_LIMIT} bytes are allowed in all.",
)
BAD_HOST = ErrorResponse(
    HTTPStatus.BAD_REQUEST, "bad_host", "Send exactly one Host header, with the name of this site."
)
BAD_VERSION = ErrorResponse(
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "bad_http_version", "Send the request as HTTP/1.1."
)
UPGRADE_REQUIRED = ErrorResponse(
    HTTPStatus.UPGRADE_REQUIRED,
    "upgrade_required",
    "This address is a WebSocket. Open it with a WebSocket client: version 13, over HTTP/1.1.",
    UPGRADE,
)


class SocketsNeedUpgrade:
    """ASGI middleware for HTTP: answers 426 to a request for a socket's URL without an upgrade."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        is_socket = scope["path"] == "/ws" or scope["path"].startswith("/ws/")
        await (UPGRADE_REQUIRED if is_socket else self.app)(scope, receive, send)


def size_of(method: bytes, target: bytes, headers: Headers) -> int:
    """The size in bytes of a head whose lines are written in the usual way."""
    request_line = len(method) + len(target) + len(b"  HTTP/1.1\r\n")
    return request_line + sum(len(name) + len(value) + 4 for name, value in headers) + 2


def refusal_of(
    version: str, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]
) -> ErrorResponse | None:
    """The response to the head of any request if it is invalid. ``version`` is the HTTP version."""
    if size_of(method, target, headers) > HEAD_LIMIT:
        return TOO_LARGE
    if version not in ("1.0", "1.1"):
        return BAD_VERSION
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        return BAD_HOST
    if hosts and not HOST.fullmatch(hosts[0]):
        return BAD_HOST
    return None


def refusal_of_handshake(headers: Headers) -> ErrorResponse | None:
    """The response to the head of a WebSocket handshake if it lacks a valid version."""
    versions = [value.strip() for name, value in headers if name == b"sec-websocket-version"]
    return None if versions == [WEBSOCKET_VERSION] else UPGRADE_REQUIRED


def tokens_of(name: bytes, headers: Headers) -> list[bytes]:
    """The members of a list header, in lower case, from all lines with that name."""
    lists = [value for key, value in headers if key == name]
    return [token.strip().lower() for token in b",".join(lists).split(b",") if token.strip()]


def without_upgrade(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers of the same request without the upgrade to another protocol."""
    headers = list(headers)
    kept = [pair for pair in headers if pair[0] not in (b"upgrade", b"connection")]
    options = [option for option in tokens_of(b"connection", headers) if option != b"upgrade"]
    return [*kept, (b"connection", b", ".join(options))] if options else kept
