"""The first frame of a socket, and the position at which a client asks to begin."""

from django.conf import settings
from msgspec import UNSET, UnsetType

from realtime.close_codes import CloseCode
from realtime.sockets.close_socket import CloseSocket
from realtime.sockets.frames import Hello

SEQ_DIGITS = 19  # a number of so many digits is beyond every head


def hello(
    *,
    stream: str | None,
    epoch: str | None,
    head: int,
    rendered_every_s: float | UnsetType = UNSET,
) -> Hello:
    heartbeat_s = settings.REALTIME_HEARTBEAT_S
    return Hello(
        stream=stream,
        epoch=epoch,
        head=head,
        heartbeat_s=heartbeat_s,
        rendered_every_s=rendered_every_s,
    )


def seq_in(text: str, otherwise: str) -> int:
    """The number that a client sent. Raises ``CloseSocket`` with the reason ``otherwise``."""
    if not text.isascii() or not text.isdigit():
        raise CloseSocket(CloseCode.MALFORMED, otherwise)
    return int(text.lstrip("0")[:SEQ_DIGITS] or 0)
