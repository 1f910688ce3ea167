"""A wait that SIGTERM and SIGINT end, for a process without an event loop."""

import os
import select
import signal
import time
from contextlib import suppress
from types import FrameType

NUMBERS = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Records that the process was asked to stop, and wakes the waiting thread. One per process.

    The handler runs between any two steps of the main thread, so it must take no lock. The main
    thread itself briefly holds the lock of a ``threading.Event`` during ``wait()``, and a logger or
    a stream has a lock too. The handler cannot wake the wait either, because it runs only after a
    system call has returned. So the interpreter's own handler writes the signal's number to a pipe
    (``set_wakeup_fd``).
    """

    def __init__(self) -> None:
        self.received = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def listen(self) -> None:
        for number in NUMBERS:
            signal.signal(number, self.handle)
        # A full pipe also wakes the reader.
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def handle(self, number: int, frame: FrameType | None) -> None:
        self.received = True

    def wait(self, seconds: float) -> bool:
        """Wait ``seconds``, or until the signal. Returns whether the signal has come."""
        deadline = time.monotonic() + seconds
        while not self.received and (left := deadline - time.monotonic()) > 0:
            select.select([self._read], [], [], left)
            with suppress(BlockingIOError):
                self.received |= any(number in NUMBERS for number in os.read(self._read, 4096))
        return self.received

    def close(self) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)
