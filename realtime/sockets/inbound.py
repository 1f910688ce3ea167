"""The frames that a client may send: at most 16 KiB, and only those that the contract names."""

import json
from typing import Any

FRAME_LIMIT = 16 * 1024  # bytes
MALFORMED_LIMIT = 3  # malformed frames until the socket is closed


class Malformed(Exception):
    """The contract has no such frame. The message is for the client."""


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
