"""Refuses request bodies that are too large or too slow, before they fill memory or disk.

Django stores a whole body before any view or setting can refuse it, and waits for it without a time
limit.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from crewops.api.problems import MEDIA_TYPE, problem

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

BODY_S = 60.0  # seconds, for the whole body of a request


class BodyRejected(Exception):
    """The server stops waiting for the body. ``problem`` is the content of the response."""

    def __init__(self, status: HTTPStatus, *, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = problem(status, code=code, detail=detail)


class BodyLimit:
    """ASGI middleware for HTTP that limits request bodies.

    It answers 413 to a body of more than ``limit`` bytes, and 408 to one that takes longer than
    ``seconds``. A path in ``limits`` has its own limit of bytes.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        *,
        limit: int,
        limits: Mapping[str, int] | None = None,
        seconds: float = BODY_S,
    ) -> None:
        self.app = app
        self.limit = limit
        self.limits = limits or {}
        self.seconds = seconds

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        received, complete = 0, False
        limit = self.limits.get(scope.get("path", ""), self.limit)
        scope = {**scope, "headers": [*scope["headers"]]}
        until = asyncio.get_running_loop().time() + self.seconds

        async def limited() -> dict[str, Any]:
            nonlocal received, complete
            if complete:
                return await receive()  # only the client's disconnect can follow
            message = await self._in_time(receive, until)
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            complete = not message.get("more_body", False)
            if complete:
                _note_length(scope["headers"], received)
            return message

        try:
            if _declared(scope) > limit:
                raise _too_large(limit)
            await self.app(scope, limited, send)
        except BodyRejected as refused:  # Django reads the body first: no response was sent yet
            await _answer(refused, send)

    async def _in_time(self, receive: Receive, until: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout_at(until):
                return await receive()
        except TimeoutError:
            detail = f"The body of the request did not come within {self.seconds:g} s."
            raise BodyRejected(HTTPStatus.REQUEST_TIMEOUT, code="too_slow", detail=detail) from None


def _too_large(limit: int) -> BodyRejected:
    detail = f"The body of the request is too large: {limit} bytes are allowed."
    return BodyRejected(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large", detail=detail)


async def _answer(refused: BodyRejected, send: Send) -> None:
    body = json.dumps(refused.problem).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _note_length(headers: list[tuple[bytes, bytes]], received: int) -> None:
    """Give a chunked body a content length once it has arrived: DRF ignores a body without one."""
    if any(name == b"transfer-encoding" for name, _ in headers):
        headers[:] = [pair for pair in headers if pair[0] != b"transfer-encoding"]
        headers.append((b"content-length", str(received).encode()))


def _declared(scope: dict[str, Any]) -> int:
    """The body's length as the request declares it, else 0. The server checks the value."""
    return int(dict(scope["headers"]).get(b"content-length", 0))
