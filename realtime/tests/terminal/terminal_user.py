"""A person at a terminal that runs one of our commands: types, and reads the screen."""

import fcntl
import os
import select
import signal
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyte

from tests.live import END_S, environment
from tests.prefork import Warm
from tests.waiting import eventually

COLUMNS, ROWS = 110, 40
START_S = 40.0
OF_WORKER = "p pause · c cancel · q quit"  # the keys of an operator at a run of a worker
CONTROLLED = "realtime/tests/terminal/controlled.py"
UNSET = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")


class TerminalUser:
    """``manage.py`` with these arguments in a terminal of its own."""

    def __init__(
        self,
        *args: str,
        columns: int = COLUMNS,
        rows: int = ROWS,
        term: str = "xterm-256color",
        **variables: str,
    ) -> None:
        self._ours, self._its = os.openpty()
        self._screen = pyte.HistoryScreen(columns, rows, history=1000, ratio=1)
        self.resizes(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.bytes = b""
        self.modes_before = self.modes
        inherited = {name: v for name, v in environment().items() if name not in UNSET}
        with open(self._its, "wb", closefd=False) as its:
            argv = [CONTROLLED, "manage.py", *args]
            self._process = Warm(argv, inherited | {"TERM": term} | variables, its, its)

    @property
    def job(self) -> int:
        """The id of the process in the foreground, and of its group."""
        return os.tcgetpgrp(self._ours)

    @property
    def is_stopped(self) -> bool:
        state = Path(f"/proc/{self.job}/stat").read_text().rpartition(")")[2]
        return state.split()[0] == "T"

    @property
    def modes(self) -> list:
        return termios.tcgetattr(self._its)

    @property
    def screen(self) -> str:
        """What is on the screen now."""
        self._read()
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def text(self) -> str:
        """What is on the screen, and what has left it at the top."""
        now = self.screen
        left = ["".join(line[x].data for x in sorted(line)) for line in self._screen.history.top]
        return "\n".join([*(line.rstrip() for line in left), now])

    @property
    def has_cursor(self) -> bool:
        self._read()
        return not self._screen.cursor.hidden

    @property
    def last_line(self) -> str:
        """The last line that is not empty."""
        return ([line for line in self.screen.splitlines() if line] or [""])[-1]

    def sees(self, *parts: str, within_s: float = START_S) -> None:
        """Wait until all of these are on the screen."""
        try:
            eventually(lambda: all(part in self.screen for part in parts), within_s)
        except AssertionError:
            raise AssertionError(f"{parts} not on the screen:\n{self.text}") from None

    def resizes(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)

    def types(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def signals(self, number: int) -> None:
        os.killpg(self.job, number)

    def end(self) -> int:
        """Wait for the end of the command; its exit status."""
        eventually(lambda: self.screen is None or self._process.poll() is not None, END_S)
        self._read()
        return self._process.wait(0)

    def close(self) -> None:
        if self._process.poll() is None:
            for group in {self.job, self._process.pid} - {0}:  # 0: it has no job yet
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
            self._process.wait(END_S)
        os.close(self._ours)
        os.close(self._its)

    def _read(self) -> None:
        while select.select([self._ours], [], [], 0)[0]:
            data = os.read(self._ours, 65536)
            self.bytes += data
            self._stream.feed(data)


@contextmanager
def at_terminal(*args: str, **options: object) -> Iterator[TerminalUser]:
    user = TerminalUser(*args, **options)
    try:
        yield user
    finally:
        user.close()
