"""Prints the frames of one or two sockets, or draws their state ten times a second."""

import json
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple, Protocol, TextIO

from rich.console import Console, RenderableType
from rich.live import Live

from realtime.terminal.client import Client

DRAW_S = 0.1  # between two drawings
LAST_FRAMES_S = 0.5  # time for the tools' stream after the end of the run's


class View(Protocol):
    """Draws frames. ``also``: paths of further sockets whose frames it shows, ``graph/ID``."""

    @property
    def more_streams(self) -> Collection[str]: ...

    def feed(self, frame: dict[str, Any]) -> None: ...

    def render(self) -> RenderableType: ...


class Controller(Protocol):
    """Handles what a person types while a view is drawn, and draws the view with its own lines."""

    @property
    def has_left(self) -> bool: ...

    def handle_input(self, wait: float) -> None: ...

    def render(self) -> RenderableType: ...


class Received(NamedTuple):
    """A frame's text, a note for a person, or the end: with the error or ``None``."""

    kind: str
    value: Any


class Watching:
    """Sockets of the server at ``base``, each followed by a thread of its own."""

    def __init__(self, base: str, token: Callable[[], str]) -> None:
        self._base = base
        self._token = token
        self._received: queue.Queue[Received] = queue.Queue()
        self._ended = False
        self._others: set[str] = set()  # paths of sockets that are not the main one

    def listen(
        self, path: str, *, since: int | None = None, resumable: bool = True, main: bool = True
    ) -> None:
        """Follow the socket at ``/ws/<path>``. The end of a main socket ends the command."""
        client = Client(
            f"{self._base}/ws/{path}",
            token=self._token,
            since=since,
            resumable=resumable,
            note=lambda text: self._received.put(Received("note", text)),
        )
        threading.Thread(target=self._follow, args=(client, main), daemon=True).start()

    def print(self, out: TextIO, notes: TextIO) -> None:
        """Print each frame on a line until the end. Raises the error that caused the end."""
        while True:
            item = self._received.get()
            if item.kind == "end":
                return _finish(item)
            stream = out if item.kind == "frame" else notes
            stream.write(f"{item.value}\n")
            stream.flush()

    def draw(self, view: View, console: Console, by: Controller | None = None) -> None:
        """Draw the view, or what its controller draws, until the end or until that has left.

        Raises the error that caused the end.
        """
        first = self._received.get()
        if first.kind == "end":  # refused, so there is nothing to draw
            return _finish(first)
        with Live(console=console, auto_refresh=False) as live:
            try:
                self._show(view, first, live)
                while not self._ended and not (by and by.has_left):
                    if by:
                        by.handle_input(DRAW_S)
                    for item in self._waiting() if by else self._take(DRAW_S):
                        self._show(view, item, live)
                    live.update((by or view).render(), refresh=True)
                for item in self._take(LAST_FRAMES_S if self._ended and self._others else 0):
                    self._show(view, item, live)
            finally:
                live.update(view.render())  # as it stays: without the lines of the controller

    def _show(self, view: View, item: Received, live: Live) -> None:
        if item.kind == "end":
            self._ended = True
            _finish(item)
        elif item.kind == "note":
            live.console.print(item.value, style="yellow")
        else:
            view.feed(json.loads(item.value))
            for path in set(view.more_streams) - self._others:
                self._others.add(path)
                self.listen(path, main=False)

    def _follow(self, client: Client, main: bool) -> None:
        error = None
        try:
            for text in client.frames():
                self._received.put(Received("frame", text))
        except Exception as raised:
            error = raised
        if main:
            self._received.put(Received("end", error))

    def _waiting(self) -> Iterator[Received]:
        """Yield the items that have been received."""
        for _ in range(self._received.qsize()):
            yield self._received.get()

    def _take(self, wait: float) -> Iterator[Received]:
        """Yield the items that are received within the next ``wait`` seconds."""
        until = time.monotonic() + wait
        while (left := until - time.monotonic()) > 0:
            try:
                yield self._received.get(timeout=left)
            except queue.Empty:
                return


def _finish(end: Received) -> None:
    if end.value is not None:
        raise end.value
