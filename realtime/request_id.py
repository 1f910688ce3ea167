"""The id that a request or a socket goes by in every log: the proxy's, or one of our own."""

import re
from typing import Any
from uuid import uuid4

from structlog.contextvars import get_contextvars

HEADER = b"x-request-id"
GIVEN = re.compile(
    r"[A-Za-z0-9._-]{8,64}"
)  # what a proxy's id may look like; any other is replaced


def of(scope: dict[str, Any]) -> str:
    """The id that the ASGI scope brings along, or a new one."""
    for name, value in scope["headers"]:
        if name == HEADER and GIVEN.fullmatch(text := value.decode("latin-1")):
            return text
    return uuid4().hex


def header() -> tuple[bytes, bytes]:
    """The id bound to this context, as the header that answers with it."""
    return (HEADER, get_contextvars()["request_id"].encode())
