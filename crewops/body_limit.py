"""Large request bodies refused before they fill memory or disk.

Django stores a body whole before any view or setting can refuse it.
"""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from crewops.api.problems import MEDIA_TYPE, problem

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class TooLarge(Exception):
    """More than the limit has arrived."""


class BodyLimit:
    """ASGI middleware for HTTP that answers 413 to a body of more than ``limit`` bytes."""

    def __init__(self, app: Callable[..., Awaitable[None]], *, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        received = 0

        async def limited() -> dict[str, Any]:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.limit:
                raise TooLarge
            return message

        try:
            if _declared(scope) > self.limit:
                raise TooLarge
            await self.app(scope, limited, send)
        except TooLarge:  # Django reads the body first, so nothing has been answered yet
            await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        detail = f"The body of the request is too large: {self.limit} bytes are allowed."
        body = json.dumps(problem(status, code="too_large", detail=detail)).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _declared(scope: dict[str, Any]) -> int:
    """The length that the request says its body has; 0 where it says none. The server checks it."""
    return int(dict(scope["headers"]).get(b"content-length", 0))
