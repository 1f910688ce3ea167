"""A page of a stream's events, as JSON text."""

from dataclasses import dataclass

from realtime import log
from realtime.events import dump


@dataclass(frozen=True, slots=True)
class Page:
    """Events after a position. ``reset`` says why they do not follow the one that was asked for."""

    stream: str
    position: log.Position
    events: list[log.Entry]
    next: int  # to be asked for next
    reset: str | None

    def text(self) -> str:
        """The page as JSON, with each event as exactly the text that the sockets carry."""
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
    """The events after ``since``; without one, or with one the stream does not know, its oldest.

    The position is read after the events: had pruning come between, its floor would tell.
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
