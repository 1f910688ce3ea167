"""Reads the frames ``subscribe`` and ``unsubscribe`` of a live socket."""

from typing import Any, NamedTuple, NoReturn

from realtime.sockets.hello import seq_in
from realtime.sockets.inbound import Malformed
from runs.events.encoding import clean

NAME_CHARS = 100  # of a stream's name
STREAMS_AT_MOST = 500  # in one frame, and on one socket
SUBSCRIBE = (
    'Send {"type": "subscribe", "stream": "run:<id>"}, with "since" and "epoch" if you resume, '
    'or {"type": "subscribe", "streams": [{"stream": "run:<id>"}, ...]}.'
)
UNSUBSCRIBE = (
    'Send {"type": "unsubscribe", "stream": "run:<id>"}, '
    'or {"type": "unsubscribe", "streams": ["run:<id>", ...]}.'
)


class Wanted(NamedTuple):
    """A stream that a client wants, by the name it gives it, and its position as it was sent."""

    name: str
    since: Any
    epoch: Any

    def position(self) -> tuple[int | None, str | None]:
        """Where the client left off: ``(since, epoch)``. Raises ``CloseSocket`` if malformed."""
        if self.since is None:
            return None, None
        # In Python True is a number.
        since = seq_in(
            str(self.since) if type(self.since) is int else "", "since is a whole number."
        )
        return since, self.epoch if isinstance(self.epoch, str) else None


def to_subscribe(frame: dict[str, Any]) -> list[Wanted]:
    """The streams that the frame asks for. Raises ``Malformed``."""
    return [
        Wanted(_name(entry.get("stream"), SUBSCRIBE), entry.get("since"), entry.get("epoch"))
        if isinstance(entry, dict)
        else _malformed(SUBSCRIBE)
        for entry in _entries(frame, frame, SUBSCRIBE)
    ]


def to_unsubscribe(frame: dict[str, Any]) -> list[str]:
    """The names of the streams that the frame ends. Raises ``Malformed``."""
    entries = _entries(frame, frame.get("stream"), UNSUBSCRIBE)
    return [_name(entry, UNSUBSCRIBE) for entry in entries]


def _entries(frame: dict[str, Any], alone: Any, otherwise: str) -> list[Any]:
    entries = frame.get("streams", [alone])
    if not isinstance(entries, list) or len(entries) > STREAMS_AT_MOST:
        _malformed(otherwise)
    return entries


def _name(given: Any, otherwise: str) -> str:
    if not isinstance(given, str) or len(given) > NAME_CHARS:
        _malformed(otherwise)
    return clean(given)


def _malformed(otherwise: str) -> NoReturn:
    raise Malformed(otherwise)
