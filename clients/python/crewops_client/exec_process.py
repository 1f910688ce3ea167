"""The command of `crewops exec`: a process whose output, keys and signals are passed on."""

import codecs
import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

from . import terminal
from .exec_output import Output
from .runs import Run
from .signals import Signals

CHUNK = 64 * 1024
TERMINATE_S = 10.0  # from a cancel on the server to SIGKILL
LAST_S = 0.2  # for output of processes that the command has left behind
LAST_BYTES = 128 * 1024  # two pipes hold so much of the command's own output, a terminal less
FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM")
ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})


class Command:
    def __init__(self, argv: Sequence[str], environment: dict[str, str], signals: Signals) -> None:
        self._argv = list(argv)
        self._environment = environment
        self._signals = signals
        self._selector = selectors.DefaultSelector()
        self._master = -1
        self._typed = b""
        self._restore: Callable[[], None] | None = None
        self._ending = False  # a user or a signal asked it to end
        self._kill_at: float | None = None
        self._passed = 0  # bytes of output
        self._passing_s = 0.0  # in which output was written and reported

    def start(self) -> None:
        """Start the command. `signals` are blocked, and the child gets the mask from before."""
        on_terminal = os.isatty(1)
        stdin, out, err = None, subprocess.PIPE, subprocess.PIPE
        its = -1
        if on_terminal:
            self._master, its = terminal.make(1)
            out = its
            stdin = its if os.isatty(0) else None
            err = its if os.isatty(2) else subprocess.PIPE

        def in_child() -> None:
            if on_terminal:
                terminal.become_controlling(1)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._signals.before)

        try:
            self._process = subprocess.Popen(
                self._argv,
                env=self._environment,
                stdin=stdin,
                stdout=out,
                stderr=err,
                start_new_session=on_terminal,
                preexec_fn=in_child,
            )
        except BaseException:
            self._signals.unblock()
            raise
        finally:
            if its >= 0:
                os.close(its)
        for stream, target in ((self._process.stdout, 1), (self._process.stderr, 2)):
            if stream is not None:
                self._read_from(os.dup(stream.fileno()), target)
                stream.close()
        if on_terminal:
            self._read_from(self._master, 1)
            if terminal.in_foreground(1):
                keys = os.isatty(0) and terminal.in_foreground(0)
                self._restore = terminal.pass_through(0 if keys else 1, keys)
                if keys:
                    self._selector.register(0, selectors.EVENT_READ, self._keys)

    def _read_from(self, source: int, target: int) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        data = (target, decoder)
        self._selector.register(source, selectors.EVENT_READ, data)

    def relay(self, output: Output) -> int:
        """Forward all until the command ends. Return its exit code, or minus the signal."""
        self._signals.listen()
        self._selector.register(self._signals.fileno(), selectors.EVENT_READ, self._signalled)
        try:
            while self._process.poll() is None:
                self._turn(output, 0.5)
                self._obey(output.run)
            self._passed, self._passing_s = 0, 0.0
            ended_at = time.monotonic()
            while self._outputs() and self._waits(ended_at) and self._turn(output, LAST_S):
                continue
            output.close()
        finally:
            if self._restore is not None:
                self._restore()
        return self._process.returncode

    def verdict(self, code: int, name: str) -> tuple[str, str | None]:
        """Return the status of the run, and a message for the user."""
        if code == 0:
            return "succeeded", None
        if code > 0:
            cancelled = self._ending or code == 128 + signal.SIGINT
            return ("cancelled" if cancelled else "failed"), f"{name} ended with exit code {code}."
        text = f"{name} was ended by {signal.Signals(-code).name}."
        return ("cancelled" if self._ending or -code in ENDING else "failed"), text

    def _waits(self, ended_at: float) -> bool:
        """Return whether to wait for more output after the command's end.

        A slow reader, such as a terminal, does not use up the time for the command's own output.
        """
        lasted = time.monotonic() - ended_at
        return lasted < LAST_S or (lasted - self._passing_s < LAST_S and self._passed < LAST_BYTES)

    def _outputs(self) -> bool:
        return any(type(key.data) is tuple for key in self._selector.get_map().values())

    def _turn(self, output: Output, timeout: float) -> bool:
        """Handle the descriptors that are ready. Return False if there was no output."""
        has_output = False
        for key, mask in self._selector.select(timeout):
            if type(key.data) is tuple:
                if mask & selectors.EVENT_READ:
                    has_output = True
                    began = time.monotonic()
                    self._read(key.fd, *key.data, output)
                    self._passing_s += time.monotonic() - began
                if mask & selectors.EVENT_WRITE:
                    self._type()
            else:
                key.data()
        return has_output

    def _read(
        self, source: int, target: int, decoder: codecs.IncrementalDecoder, output: Output
    ) -> None:
        try:
            data = os.read(source, CHUNK)
        except BlockingIOError:
            return
        except OSError:  # a terminal that no process has open any more
            data = b""
        self._passed += len(data)
        if data and not terminal.write(target, data):
            data = b""  # our reader has closed: let the command notice it, as without crewops
        output.feed(target, decoder.decode(data, not data))
        if not data:
            self._selector.unregister(source)
            if source != self._master:
                os.close(source)

    def _keys(self) -> None:
        try:
            data = os.read(0, CHUNK)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(0)
        self._typed += data
        self._type()

    def _type(self) -> None:
        """Write typed bytes to the command's terminal, as far as it takes them."""
        with contextlib.suppress(BlockingIOError):
            while self._typed:
                self._typed = self._typed[os.write(self._master, self._typed) :]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._typed else 0)
        with contextlib.suppress(KeyError):
            key = self._selector.get_key(self._master)
            self._selector.modify(self._master, events, key.data)

    def _signalled(self) -> None:
        for number, by_terminal in self._signals.read():
            if number == signal.SIGWINCH:
                if self._master >= 0:
                    terminal.resize(self._master, 1)
                continue
            if number == signal.SIGCHLD:
                continue
            self._ending = self._ending or number in ENDING
            # Without its own terminal the command is in our process group and has received it, too.
            if not by_terminal or self._master >= 0:
                self._process.send_signal(number)

    def _obey(self, run: Run) -> None:
        """Terminate the command after a cancel on the server, and kill it if it continues."""
        now = time.monotonic()
        if run.stop_requested and self._kill_at is None:
            self._ending, self._kill_at = True, now + TERMINATE_S
            self._process.terminate()
        elif self._kill_at is not None and now >= self._kill_at:
            self._process.kill()
