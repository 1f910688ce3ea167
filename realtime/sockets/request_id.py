"""The id of a request or socket in all logs: from the proxy, or our own."""

import re
from typing import Any
from uuid import uuid4

from structlog.contextvars import get_contextvars

HEADER = b"x-request-id"
GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")  # an id of a proxy; any other is replaced


def of(scope: dict[str, Any]) -> str:
    """The id in the headers of the ASGI scope, or a new one."""
    for name, value in scope["headers"]:
        if name == HEADER and GIVEN.fullmatch(text := value.decode("latin-1")):
            return text
    return uuid4().hex


def header() -> tuple[bytes, bytes]:
    """The response header with the id of this context."""
    return (HEADER, get_contextvars()["request_id"].encode())
