"""What a client may send: at most 16 KiB a frame, ten a second, and only what the contract names."""

import json
import time
from typing import Any

FRAME_LIMIT = 16 * 1024  # bytes
RATE = 10.0  # frames a second
BURST = 20.0  # frames
MALFORMED_LIMIT = 3  # malformed frames until the socket is closed


class Malformed(Exception):
    """The frame is not one of the contract's. The message is for the client."""


def parse(message: dict[str, Any]) -> dict[str, Any]:
    """The frame in an ASGI ``websocket.receive``; raises ``Malformed``."""
    text = message.get("text")
    if text is None:
        raise Malformed("Send JSON text; binary frames are not understood.")
    if len(text) > FRAME_LIMIT or len(text.encode(errors="replace")) > FRAME_LIMIT:
        raise Malformed(f"A frame holds at most {FRAME_LIMIT} bytes.")
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("The frame is not JSON.") from None
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise Malformed('A frame is an object with a "type".')
    return frame


class RateLimit:
    """A token bucket."""

    __slots__ = ("_at", "_tokens")

    def __init__(self) -> None:
        self._tokens = BURST
        self._at = time.monotonic()

    def allows(self) -> bool:
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._at) * RATE)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
