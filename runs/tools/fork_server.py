"""The process that forks a launcher for each call. Each process of a worker has one.

The first call starts it. It ends with this process, because its socket closes. If it was killed,
the next call starts another. Active calls have their own launchers and continue.
"""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

LAUNCHER = Path(__file__).parent / "launcher"
ANSWER_S = 10.0  # a fork takes a millisecond, but much longer on a busy machine
TRIES = 3

# Values of the protocol in launcher/__main__.py.
NOTES, SECRETS, KILL = 1, 2, 128
NOTES_FD, SECRETS_FD = 4, 5  # descriptors in the launcher and in the command


class ForkServer:
    """The process and this side of its socket."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.settimeout(ANSWER_S)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCHER), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd="/",
                env={},
                start_new_session=True,
            )
        self.pid = self._process.pid

    def fork(self, request: int, descriptors: Sequence[int]) -> int:
        """Fork a launcher with these descriptors and return its process id. Raises OSError."""
        socket.send_fds(self._channel, [bytes([request])], descriptors)
        if not (answer := self._channel.recv(200)):
            raise ConnectionResetError("The process that starts tools has ended.")
        if not answer.isdigit():
            raise ForkFailed(answer.decode())
        return int(answer)

    def kill(self, pid: int) -> None:
        """Kill this launcher if it is alive."""
        self._channel.send(bytes([KILL]) + str(pid).encode())

    def forget(self) -> None:
        """Close this end in a forked process, which does not own the server."""
        self._channel.close()

    def end(self) -> None:
        """End the server. Its launchers continue."""
        self._channel.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()


class ForkFailed(OSError):
    """The server works, but it could not fork."""


_lock = threading.Lock()
_server: ForkServer | None = None


def fork(request: int, descriptors: Sequence[int]) -> int:
    """Fork a launcher that holds the descriptors and return its process id. Raises OSError."""
    global _server
    with _lock:
        for left in reversed(range(TRIES)):
            if _server is None:
                _server = ForkServer()
            try:
                return _server.fork(request, descriptors)
            except ForkFailed:
                raise
            except OSError:  # it was killed, or does not answer
                _server.end()
                _server = None
                if not left:
                    raise
    raise AssertionError("unreachable")


def kill(pid: int) -> None:
    """Kill a launcher that does not end. Call this only while its report is open."""
    with _lock, contextlib.suppress(OSError):
        if _server is None:
            os.kill(pid, signal.SIGKILL)
        else:
            _server.kill(pid)


def pid() -> int | None:
    """The server's process id, if there is one."""
    return _server.pid if _server else None


def end() -> None:
    """End the server, if there is one. The next call starts another."""
    global _server
    with _lock:
        if _server is not None:
            _server.end()
            _server = None


def _forget() -> None:
    """Make a forked process start its own server, and not keep its parent's alive."""
    global _lock, _server
    _lock = threading.Lock()
    if _server is not None:
        _server.forget()
        _server = None


os.register_at_fork(after_in_child=_forget)
atexit.register(end)
