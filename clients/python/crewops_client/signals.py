"""Signals as records to read, with the number and the sender."""

import contextlib
import os
import resource
import signal
import struct
import threading
from collections.abc import Iterable

RECORD = struct.Struct("ii")


class Signals:
    """Blocks signals in this process and receives them in a thread, so that none is lost."""

    def __init__(self, names: Iterable[str]) -> None:
        wanted = {getattr(signal, name) for name in names}
        # A signal that is ignored here (nohup) stays ignored for the command.
        self._wanted = {each for each in wanted if signal.getsignal(each) != signal.SIG_IGN}
        self._wanted |= {signal.SIGCHLD, signal.SIGWINCH}
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        self.before: set[signal.Signals] = set()  # the mask that a child should have

    def block(self) -> None:
        """Block the signals. Call it before any thread starts, because threads inherit the mask."""
        self.before = set(signal.pthread_sigmask(signal.SIG_BLOCK, self._wanted))
        # Our parent process may ignore SIGCHLD. The kernel would keep no exit code of the command.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def unblock(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self.before)

    def listen(self) -> None:
        threading.Thread(target=self._listen, name="crewops-signals", daemon=True).start()

    def fileno(self) -> int:
        return self._reader

    def read(self) -> list[tuple[int, bool]]:
        """Return each signal's number, and whether the kernel sent it, as for Ctrl-C."""
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._reader, RECORD.size * 100)
        return [(number, bool(kernel)) for number, kernel in RECORD.iter_unpack(data)]

    def _listen(self) -> None:
        while True:
            if hasattr(signal, "sigwaitinfo"):
                info = signal.sigwaitinfo(self._wanted)
                number, kernel = info.si_signo, info.si_code > 0
            else:  # macOS does not say; the most likely sender of these is a terminal
                number = signal.sigwait(self._wanted)
                kernel = number in (signal.SIGINT, signal.SIGQUIT) and os.isatty(0)
            os.write(self._writer, RECORD.pack(number, kernel))


def restore_defaults() -> None:
    """Handle the signals again that Python ignores. `subprocess` does this in its children."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def exit_by_signal(number: int) -> None:
    """End by the signal that ended the command, so that our parent process sees the same status."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # a signal that ends no process by default
