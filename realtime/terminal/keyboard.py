"""The keys of a terminal: each is read at once and without echo. Its modes are restored."""

import atexit
import codecs
import os
import signal
import termios
import threading
import time
import tty
from contextlib import suppress
from select import select
from types import FrameType
from typing import Any, Self

READ_BYTES = 4096
LONGEST_BYTES = 64 * 1024  # of what is pasted at once
SHOW_CURSOR, HIDE_CURSOR = b"\x1b[?25h", b"\x1b[?25l"
SIZE = (80, 24)  # of a terminal that does not know its own
SEQUENCE_S = 0.05  # within this time the rest of a key's escape sequence follows


def terminal_of(stdin: Any, stdout: Any) -> int | None:
    """Return the descriptor of the terminal that both are, unless it is another job's now."""
    try:
        descriptor = stdin.fileno()
        is_ours = os.isatty(descriptor) and stdout.isatty() and _in_foreground(descriptor)
    except (AttributeError, OSError, ValueError):  # closed, or replaced by an object of a program
        return None
    return descriptor if is_ours else None


class Keyboard:
    """The keys of the terminal with this descriptor. Signals of keys, as Ctrl-C, stay.

    The cursor is hidden while the keys are read, and shown while the program is stopped.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before = termios.tcgetattr(descriptor)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._is_taken = False  # whether the modes are ours
        self._has_ended = False

    def __enter__(self) -> Self:
        atexit.register(self.restore)  # if a signal ends the program before the block begins
        self._on_stop = signal.signal(signal.SIGTSTP, self._stop)
        self._take()
        return self

    def __exit__(self, *error: object) -> None:
        self.restore()
        signal.signal(signal.SIGTSTP, self._on_stop)
        atexit.unregister(self.restore)

    def read(self, wait: float) -> str:
        """Return what is typed within ``wait`` seconds: as soon as there is something."""
        if not self._is_taken and not self._has_ended and _in_foreground(self._descriptor):
            self._take()
            self._write(HIDE_CURSOR)
        if not self._is_taken:
            time.sleep(wait)
            return ""
        data = self._part() if self._has_more(wait) else b""
        while data and len(data) < LONGEST_BYTES:
            if not self._has_more(SEQUENCE_S if data.endswith(b"\x1b") else 0):
                break
            data += self._part()
        return self._decoder.decode(data)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal, whatever the variables COLUMNS and LINES say."""
        try:
            columns, rows = os.get_terminal_size(self._descriptor)
        except OSError:  # it has gone
            return SIZE
        return columns or SIZE[0], rows or SIZE[1]

    def forget(self) -> None:
        """Drop what has been typed and not been read."""
        self._decoder.reset()
        if self._is_taken:
            termios.tcflush(self._descriptor, termios.TCIFLUSH)

    def restore(self) -> None:
        """Set the modes that the terminal had before."""
        if self._is_taken:
            self._is_taken = False
            with suppress(termios.error):  # the terminal has gone
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)

    def _take(self) -> None:
        self._is_taken = True
        tty.setcbreak(self._descriptor, termios.TCSANOW)

    def _write(self, sequence: bytes) -> None:
        with suppress(OSError):  # it has gone, or may only be read
            os.write(self._descriptor, sequence)

    def _has_more(self, wait: float) -> bool:
        return not self._has_ended and bool(select([self._descriptor], [], [], wait)[0])

    def _part(self) -> bytes:
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self.restore()
            self._has_ended = True
        return data

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: restore the modes and stop. After `fg` the next `read` takes the terminal."""
        self.restore()
        self._write(SHOW_CURSOR)
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_kill(threading.main_thread().ident, number)  # returns when it continues
        signal.signal(number, self._stop)


def _in_foreground(descriptor: int) -> bool:
    """Whether the terminal may be read and changed: another job's would stop this process."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return True  # not the terminal that controls this process
