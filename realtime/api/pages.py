"""A page of a stream's events, as JSON text."""

from dataclasses import dataclass

from realtime import log
from runs.events.encoding import dump


@dataclass(frozen=True, slots=True)
class Page:
    """Events after a position. ``reset``: why they do not follow the requested position."""

    stream: str
    position: log.Position
    events: list[log.Entry]
    next: int  # the value of ``since`` for the next page
    reset: str | None

    def text(self) -> str:
        """The page as JSON, with each event as exactly the text that the sockets send."""
        is_over = self.position.closed and self.next >= self.position.head
        about = {
            "stream": self.stream,
            "epoch": self.position.epoch,
            "head": self.position.head,
            "floor": self.position.floor,
            "reset": self.reset,
            "next": self.next,
            "closed": is_over,
        }
        return f'{dump(about)[:-1]},"events":[{",".join(event.text for event in self.events)}]}}'


def read(stream: str, *, since: int | None, epoch: str | None, limit: int) -> Page:
    """The events after ``since``; the oldest ones without it, or if it is invalid for the stream.

    The position is read after the events: if events are pruned in between, its floor shows it.
    """
    start, reset = since or 0, None
    while True:
        events = log.read(stream, start, limit=limit)
        position = log.position(stream)
        refused = position.refuses(start, epoch)
        if refused is None:
            break
        reset = refused if since is not None else None
        start, epoch = position.floor, None
    return Page(stream, position, events, events[-1].seq if events else start, reset)
