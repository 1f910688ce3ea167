"""The frames that a client may send: at most 16 KiB, and only those that the contract names."""

import json
from typing import Any

from realtime.servers.message_pack import unpack

FRAME_LIMIT = 16 * 1024  # bytes
MALFORMED_LIMIT = 3  # malformed frames until the socket is closed
TOO_LARGE = f"A frame holds at most {FRAME_LIMIT} bytes."


class Malformed(Exception):
    """The contract has no such frame. The message is for the client."""


def parse(message: dict[str, Any], *, packed: bool) -> dict[str, Any]:
    """The frame in an ASGI ``websocket.receive``; raises ``Malformed``.

    ``packed``: the socket has selected MessagePack, so its frames are binary.
    """
    frame = _unpacked(message.get("bytes")) if packed else _parsed(message.get("text"))
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise Malformed('A frame is an object with a "type".')
    return frame


def _parsed(text: str | None) -> Any:
    if text is None:
        raise Malformed("Send JSON text; binary frames need the subprotocol crewops.msgpack.")
    if len(text) > FRAME_LIMIT or len(text.encode(errors="replace")) > FRAME_LIMIT:
        raise Malformed(TOO_LARGE)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("The frame is not JSON.") from None


def _unpacked(data: bytes | None) -> Any:
    if data is None:
        raise Malformed("Send MessagePack in binary frames; this socket takes no text.")
    if len(data) > FRAME_LIMIT:
        raise Malformed(TOO_LARGE)
    try:
        return unpack(data)
    except ValueError:
        raise Malformed("The frame is not MessagePack, or it is nested too deeply.") from None
