"""permessage-deflate (RFC 7692) without context takeover: a frame is compressed once for all.

Without context takeover no frame refers to an earlier one. So its compressed bytes are the same on
every socket, an idle socket holds no window, and no frame's length depends on another frame.
"""

import zlib
from collections.abc import Sequence

from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.typing import ExtensionParameter

# Bytes of a payload below which it is sent as it is: it fits into one packet anyway, and would lose
# less than half of its size.
SMALL = 512
LEVEL = 6  # an event is compressed once, however many sockets it goes to
# A window of 4 KiB. Events of tools that write up to 3 KB come out as small as with 32 KiB, and
# some clients (Python's websockets) offer no larger one. One size serves all.
WINDOW_BITS = 12
MEMORY_LEVEL = 5  # 24 KiB for a compressor instead of 256
END = b"\x00\x00\xff\xff"  # of a flushed message; the receiver adds it (RFC 7692, section 7.2.1)


def deflate(payload: bytes) -> bytes | None:
    """The compressed payload of a message, or ``None`` if it is better sent as it is."""
    if len(payload) < SMALL:
        return None
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL)
    small = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    small = small.removesuffix(END)
    return small if len(small) < len(payload) else None


class SharedDeflate(ServerPerMessageDeflateFactory):
    """Accepts every offer that takes frames with a window of ``WINDOW_BITS``.

    The library inflates the messages of clients, at most to the limit of a message's length.
    """

    def __init__(self) -> None:
        super().__init__(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=WINDOW_BITS,
            client_max_window_bits=WINDOW_BITS,
            compress_settings={"memLevel": MEMORY_LEVEL},
        )

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        answer, extension = super().process_request_params(params, accepted_extensions)
        if extension.local_max_window_bits < WINDOW_BITS:
            raise NegotiationError("The client's window is too small for shared frames.")
        return answer, extension
