"""Reads a process's output without making it wait; decodes and limits it, and keeps its order."""

import codecs
import os
import selectors
import threading
from collections import deque

READ_BYTES = 64 * 1024
NOTES_KEPT = 256  # lines; each replaces the ones before it
NOTE_BYTES = 1024  # a longer line is not a note


class Output:
    """Reads a pipe in a separate thread, so that a slow database never blocks the tool.

    Keeps at most `limit` bytes (of UTF-8) of text. The rest is read and dropped, and a last line
    says so. A NUL, which the database cannot store, becomes U+FFFD, as does any undecodable byte.
    `notes`, if given, is a second pipe of short lines that are never part of the output.
    """

    def __init__(self, pipe: int, *, limit: int, notes: int | None = None) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._limit = self._left = limit
        self._text: list[str] = []
        self._notes: deque[str] = deque(maxlen=NOTES_KEPT)
        self._changed = threading.Condition()
        self._ended = False
        self._cut = False
        self._thread = threading.Thread(target=self._drain, args=(pipe, notes), daemon=True)
        self._thread.start()

    def read(self, timeout: float) -> tuple[str, list[str], bool]:
        """Wait up to `timeout` seconds. Returns new text, new notes and whether that was all."""
        with self._changed:
            self._changed.wait_for(lambda: self._text or self._notes or self._ended, timeout)
            text, notes = "".join(self._text), list(self._notes)
            self._text.clear()
            self._notes.clear()
            return text, notes, self._ended

    def _drain(self, pipe: int, notes: int | None) -> None:
        partial = b""
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            if notes is not None:
                selector.register(notes, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select():
                    chunk = os.read(key.fd, READ_BYTES)
                    if not chunk:
                        selector.unregister(key.fd)
                        os.close(key.fd)
                    if key.fd == pipe:
                        self._append(chunk)
                    else:
                        *lines, partial = (partial + chunk).split(b"\n")
                        partial = partial[-NOTE_BYTES:]
                        self._note(lines)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _append(self, chunk: bytes) -> None:
        """Add a chunk. An empty one is the end."""
        if self._cut:
            return
        text = self._decoder.decode(chunk, final=not chunk).replace("\0", "\ufffd")
        if (size := len(encoded := text.encode())) > self._left:
            self._cut = True
            text = encoded[: self._left].decode(errors="ignore")
            text += (
                f"\n[Output beyond {self._limit:,} bytes was cut; the exit status is still true.]\n"
            )
        self._left -= size
        with self._changed:
            self._text.append(text)
            self._changed.notify_all()

    def _note(self, lines: list[bytes]) -> None:
        with self._changed:
            self._notes.extend(line.decode(errors="replace") for line in lines if line)
            self._changed.notify_all()
