"""Starts our processes by fork from one that has imported the libraries: a third of the time.

``python -m tests.prefork FD`` is that process. It imports libraries and nothing of ours: what reads
the environment is imported by the process that is started, under its own. That one is a process as
any: it has its own session, files, arguments and environment, runs ``__main__`` from its first line
and ends as Python ends. Only ``/proc/PID/cmdline`` and ``environ`` are those of the process it was
forked from, so a test of these, or of the start itself, starts it cold (`tests.live.Process`).
"""

import atexit
import faulthandler
import gc
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

PROJECT = Path(__file__).resolve().parent.parent
# Needs no settings. Neither websockets nor prometheus_client, which read the environment.
LIBRARIES = [
    "asyncio",
    "celery.apps.worker",
    "celery.app.amqp",
    "celery.app.base",
    "celery.app.builtins",
    "celery.backends.redis",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.concurrency.prefork",
    "celery.worker.components",
    "celery.worker.consumer",
    "channels.db",
    "channels.layers",
    "channels.routing",
    "channels_redis.core",
    "cryptography.fernet",
    "django.contrib.auth.hashers",
    "django.contrib.postgres.fields",
    "django.core.handlers.asgi",
    "django.core.management",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.db.models",
    "django.forms",
    "django.template",
    "django.test.client",
    "django.views.debug",
    "environ",
    "httptools",
    "jwt",
    "kombu.pools",
    "kombu.transport.redis",
    "psycopg",
    "redis.asyncio",
    "requests",
    "rest_framework.compat",
    "structlog",
    "uvicorn",
    "yaml",
]
READ_ENVIRONMENT = ("crewops", "crews", "prometheus_client", "realtime", "runs", "websockets")
REQUEST_BYTES = 128 * 1024  # arguments and environment
STATUS = struct.Struct("i")  # a pid, later an exit status


class Warm:
    """As much of ``subprocess.Popen`` as `tests.live.Process` needs."""

    def __init__(self, argv: list[str], env: dict[str, str], stdin: Any, output: IO) -> None:
        self.returncode: int | None = None
        self._answers, theirs = socket.socketpair()
        request = json.dumps({"argv": argv, "env": env}).encode()
        with theirs, open(os.devnull) as nothing:
            files = [theirs, stdin or nothing, output]
            socket.send_fds(_server(), [request], [file.fileno() for file in files])
        self.pid = self._read()

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float) -> int:
        if self.returncode is None:
            self._answers.settimeout(timeout)
            try:
                self.returncode = self._read()
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(str(self.pid), timeout) from None
            self._answers.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _read(self) -> int:
        answer = self._answers.recv(STATUS.size)
        assert answer, "the process that starts others has ended"
        return STATUS.unpack(answer)[0]


@cache
def _server() -> socket.socket:
    """The socket on which it takes requests; it ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            cwd=PROJECT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    atexit.register(process.wait)
    atexit.register(ours.close)  # which ends it, before it is waited for
    return ours


def main() -> None:
    for name in LIBRARIES:
        import_module(name)
    assert not [name for name in READ_ENVIRONMENT if name in sys.modules]
    # A process collects garbage without looking at the libraries' objects, which would copy their
    # pages: it starts in three quarters of the time.
    gc.collect()
    gc.freeze()
    requests = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for a process
    while True:
        request, files, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 4)
        if not request:
            return
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            break
        for file in files:
            os.close(file)
    answers, stdin, output = files
    if pid := os.fork():
        os.close(stdin)
        os.close(output)
        os.dup2(0, 2)
        _report(pid, answers)
    os.close(answers)
    _become(stdin, output, **json.loads(request))


def _report(pid: int, answers: int) -> None:
    """Send the pid, and how the process ended once it has."""
    os.write(answers, STATUS.pack(pid))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(answers, STATUS.pack(status))
    os._exit(0)


def _become(stdin: int, output: int, argv: list[str], env: dict[str, str]) -> None:
    """Run the program as ``python ARGV`` does."""
    os.setsid()
    for given, number in ((stdin, 0), (output, 1), (output, 2)):
        os.dup2(given, number)
    os.close(stdin)
    os.close(output)
    os.environ.clear()
    os.environ.update(env)
    faulthandler.enable()
    if argv[0] == "-m":
        sys.argv = argv[1:]
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
