"""What is heard on one or two sockets, printed as it comes or drawn ten times a second."""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, TextIO

from rich.console import Console, RenderableType
from rich.live import Live

from realtime.terminal.client import Client

DRAW_S = 0.1  # between two pictures
LAST_WORDS_S = 0.5  # for the tools' stream, when the run's has ended


class View(Protocol):
    """What can be drawn from frames. ``tools_of``: the crew whose tools it would show, if any."""

    tools_of: str | None

    def feed(self, frame: dict[str, Any]) -> None: ...

    def render(self) -> RenderableType: ...


class Heard(NamedTuple):
    """A frame's text, a note for a person, or the end: with the error or ``None``."""

    kind: str
    value: Any


class Watching:
    """Sockets of the server at ``base``, each followed by a thread of its own."""

    def __init__(self, base: str, token: Callable[[], str]) -> None:
        self._base = base
        self._token = token
        self._heard: queue.Queue[Heard] = queue.Queue()
        self._ended = False

    def listen(
        self, path: str, *, since: int | None = None, resumable: bool = True, main: bool = True
    ) -> None:
        """Follow the socket at ``/ws/<path>``; the end of a main one ends the watching."""
        client = Client(
            f"{self._base}/ws/{path}",
            token=self._token,
            since=since,
            resumable=resumable,
            note=lambda text: self._heard.put(Heard("note", text)),
        )
        threading.Thread(target=self._follow, args=(client, main), daemon=True).start()

    def print(self, out: TextIO, notes: TextIO) -> None:
        """Print every frame on a line, until the end. Raises the error that ended it."""
        while True:
            heard = self._heard.get()
            if heard.kind == "end":
                return _finish(heard)
            stream = out if heard.kind == "frame" else notes
            stream.write(f"{heard.value}\n")
            stream.flush()

    def draw(self, view: View, console: Console) -> None:
        """Draw the view, until the end. Raises the error that ended it."""
        first = self._heard.get()
        if first.kind == "end":  # refused: there is nothing to draw
            return _finish(first)
        with Live(console=console, auto_refresh=False) as live:
            self._show(view, first, live)
            while not self._ended:
                for heard in self._take(DRAW_S):
                    self._show(view, heard, live)
                live.update(view.render(), refresh=True)
            for heard in self._take(LAST_WORDS_S if view.tools_of else 0):
                self._show(view, heard, live)
            live.update(view.render(), refresh=True)

    def _show(self, view: View, heard: Heard, live: Live) -> None:
        if heard.kind == "end":
            self._ended = True
            _finish(heard)
        elif heard.kind == "note":
            live.console.print(heard.value, style="yellow")
        else:
            known = view.tools_of
            view.feed(json.loads(heard.value))
            if view.tools_of and not known:
                self.listen(f"graph/{view.tools_of}", main=False)

    def _follow(self, client: Client, main: bool) -> None:
        error = None
        try:
            for text in client.frames():
                self._heard.put(Heard("frame", text))
        except Exception as raised:
            error = raised
        if main:
            self._heard.put(Heard("end", error))

    def _take(self, wait: float) -> Iterator[Heard]:
        """What is heard from now on for ``wait`` seconds."""
        until = time.monotonic() + wait
        while (left := until - time.monotonic()) > 0:
            try:
                yield self._heard.get(timeout=left)
            except queue.Empty:
                return


def _finish(end: Heard) -> None:
    if end.value is not None:
        raise end.value
