"""Where a socket begins in a stream."""

from dataclasses import dataclass
from typing import NamedTuple

from realtime import log


class NewSocketStart(NamedTuple):
    """Where a new socket begins: events after ``seq`` follow, and ``frames`` are sent first."""

    seq: int
    frames: list[str | log.Entry]


@dataclass(frozen=True, slots=True)
class StreamStart:
    """Where a socket starts in a stream: frames are sent first, then the events after ``seq``."""

    stream: str
    position: log.Position
    reset: str | None
    seq: int
    frames: list[str | log.Entry]
    is_new: bool = True  # whether the socket has not followed the stream before

    @property
    def epoch(self) -> str:
        return self.position.epoch

    @property
    def complete(self) -> bool:
        """Whether the stream has ended and no event follows."""
        return self.position.closed and self.seq >= self.position.head
