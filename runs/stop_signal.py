"""Waiting that SIGTERM and SIGINT end, in a process that has no event loop."""

import os
import select
import signal
import time
from contextlib import suppress
from types import FrameType

NUMBERS = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Notes that the process was asked to stop, and wakes who waits. One per process.

    The handler runs between any two steps of the main thread, so it takes no lock: not that of a
    ``threading.Event``, which the main thread holds for moments of its own ``wait()``, and not that
    of a logger or a stream. It cannot wake the wait either, as it runs only once a system call has
    returned. So the interpreter's own handler writes the number to a pipe (``set_wakeup_fd``).
    """

    def __init__(self) -> None:
        self.received = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def listen(self) -> None:
        for number in NUMBERS:
            signal.signal(number, self.handle)
        # A full pipe wakes the reader all the same.
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def handle(self, number: int, frame: FrameType | None) -> None:
        self.received = True

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the signal; whether it has come."""
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
