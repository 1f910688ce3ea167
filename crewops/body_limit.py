"""Bodies of requests refused that are large, before they fill memory or disk, or slow.

Django stores a body whole before any view or setting can refuse it, and waits for it for ever.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from crewops.api.problems import MEDIA_TYPE, problem

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

BODY_S = 60.0  # for the whole body of a request


class Refused(Exception):
    """The body is not waited for any longer."""

    def __init__(self, status: HTTPStatus, *, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = problem(status, code=code, detail=detail)


class BodyLimit:
    """ASGI middleware for HTTP that answers 413 to a body of more than ``limit`` bytes, and 408 to
    one that takes longer than ``seconds``.
    """

    def __init__(
        self, app: Callable[..., Awaitable[None]], *, limit: int, seconds: float = BODY_S
    ) -> None:
        self.app = app
        self.limit = limit
        self.seconds = seconds

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        received, complete = 0, False
        scope = {**scope, "headers": [*scope["headers"]]}
        until = asyncio.get_running_loop().time() + self.seconds

        async def limited() -> dict[str, Any]:
            nonlocal received, complete
            if complete:
                return await receive()  # what comes now is that the client has left
            message = await self._in_time(receive, until)
            received += len(message.get("body", b""))
            if received > self.limit:
                raise self._too_large()
            complete = not message.get("more_body", False)
            if complete:
                _note_length(scope["headers"], received)
            return message

        try:
            if _declared(scope) > self.limit:
                raise self._too_large()
            await self.app(scope, limited, send)
        except Refused as refused:  # Django reads the body first, so nothing has been answered yet
            await _answer(refused, send)

    async def _in_time(self, receive: Receive, until: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout_at(until):
                return await receive()
        except TimeoutError:
            detail = f"The body of the request did not come within {self.seconds:g} s."
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, code="too_slow", detail=detail) from None

    def _too_large(self) -> Refused:
        detail = f"The body of the request is too large: {self.limit} bytes are allowed."
        return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large", detail=detail)


async def _answer(refused: Refused, send: Send) -> None:
    body = json.dumps(refused.problem).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _note_length(headers: list[tuple[bytes, bytes]], received: int) -> None:
    """A body in chunks has a length once it is there. DRF ignores the body of a request without one."""
    if any(name == b"transfer-encoding" for name, _ in headers):
        headers[:] = [pair for pair in headers if pair[0] != b"transfer-encoding"]
        headers.append((b"content-length", str(received).encode()))


def _declared(scope: dict[str, Any]) -> int:
    """The length that the request says its body has; 0 where it says none. The server checks it."""
    return int(dict(scope["headers"]).get(b"content-length", 0))
