"""Frames as MessagePack, for sockets that negotiated it.

A frame has the same fields as its JSON. The one difference: the ``output`` of an event, which may
be large, is raw bytes (``bin``), the UTF-8 of the text.
"""

from typing import Any

import msgpack
import msgspec

# Entries of an array or map, and bytes of an extension, that a client may announce. The library
# reserves memory for the announced number, at each of the 1,024 levels that it allows.
ITEMS_LIMIT = 1024


def pack(text: str) -> bytes:
    """The frame whose JSON is ``text``. Raises ``ValueError`` if that is no frame of ours."""
    frame = msgspec.json.decode(text)
    if isinstance(output := frame.get("output"), str):
        frame["output"] = output.encode()
    try:
        return msgspec.msgpack.encode(frame)
    except OverflowError as error:  # an integer of more than 64 bits; the log has none
        raise ValueError(str(error)) from error


def unpack(data: bytes) -> Any:
    """Return the value that a client sent. Raises ``ValueError`` if it is not one whole value."""
    return msgpack.unpackb(
        data, max_array_len=ITEMS_LIMIT, max_map_len=ITEMS_LIMIT, max_ext_len=ITEMS_LIMIT
    )
