"""Server processes for tests, over the database and the Redis that the test itself uses."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any
from urllib.parse import urlsplit

import httpx
import msgpack
from django.conf import settings
from redis.client import PubSub
from rest_framework_simplejwt.tokens import AccessToken
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests import plain_http
from tests.ports import free_port
from tests.prefork import PROJECT, Warm
from tests.waiting import eventually

READY_S = 90.0  # four processes share two cores with other tests
FRAME_S = 30.0  # how long a frame or a close is waited for
END_S = 40.0  # how long the end of a process is waited for
UNTIL_S = 60.0  # how long one frame is waited for while others go on coming
ENDED_S = 6.0  # how long access may last after it ended: 2 s, and other tests run beside this one
REST_S = 15.0  # how long a close is waited for while frames go on coming


def published_to(listener: PubSub) -> str:
    """The text of all messages it has received. Others may go on publishing for ever."""
    text, deadline = "", time.monotonic() + FRAME_S
    while time.monotonic() < deadline and (message := listener.get_message(timeout=0.5)):
        text += str(message["data"])
    return text


def environment(**variables: str) -> dict[str, str]:
    """What a process needs to work on this test's data."""
    database = settings.DATABASES["default"]
    if "sqlite3" in database["ENGINE"]:
        url = f"sqlite:///{database['NAME']}"
    else:
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database['NAME']}").geturl()
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "crewops.settings",
        "VAR_DIR": str(settings.VAR_DIR),
        "DATABASE_URL": url,
        "PYTHONUNBUFFERED": "1",
        # Few users open many sockets, all from one address.
        "SOCKETS_PER_USER": "1000",
        "SOCKETS_PER_ADDRESS": "1000",
        "API_CALLS_PER_MINUTE": "100000",
        "API_CALLS_PER_MINUTE_ANONYMOUS": "100000",
        "SIGN_INS_PER_MINUTE": "100000",
        **variables,
    }


class Process:
    """A process of the deployment in a session of its own, its output in a file.

    It is forked from one that has imported the libraries, or with ``cold`` a new Python.
    """

    def __init__(self, *argv: str, stdin: Any = None, cold: bool = False, **variables: str) -> None:
        self.log = settings.VAR_DIR / f"{argv[1].replace('.', '-')}-{time.monotonic_ns()}.log"
        start = _cold if cold else Warm
        with self.log.open("wb") as output:
            self._popen = start([*argv], environment(**variables), stdin, output)
        self.pid = self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Send the signal and wait for the end; the exit status."""
        if self.running:
            self._popen.send_signal(how)
        try:
            return self._popen.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGABRT)  # each process writes where its threads are
            self._popen.wait(END_S)
            raise AssertionError(f"No end within {END_S} s. {self.log.read_text()}") from None


def _cold(argv: list[str], env: dict[str, str], stdin: Any, output: IO[bytes]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", *argv],
        cwd=PROJECT,
        env=env,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


class Web(Process):
    """A web process on a port of its own: ours, Daphne's, or uvicorn's as it comes.

    Daphne takes ``options`` of its command line.
    """

    module = "crewops.web"

    def __init__(
        self,
        *options: str,
        daphne: bool = False,
        stock: bool = False,
        cold: bool = False,
        **variables: str,
    ) -> None:
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        argv = ["-m", self.module]
        if daphne:
            command = ["-m", "daphne", "-v", "0", "-p", str(self.port)]
            argv = [*command, *options, "crewops.asgi:application"]
        if stock:
            argv = ["-m", "uvicorn", "--ws", "websockets-sansio", "--port", str(self.port)]
            argv += ["crewops.asgi:application"]
        super().__init__(*argv, cold=cold, PORT=str(self.port), **variables)
        try:
            eventually(self._answers, READY_S)
        except AssertionError:
            self.stop()
            raise

    def _answers(self) -> bool:
        assert self.running, self.log.read_text()
        try:
            return plain_http.get(f"{self.origin}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    @contextmanager
    def socket(
        self,
        path: str,
        user: Any = None,
        *,
        token: str | None = None,
        packed: bool = False,
        **options: Any,
    ) -> Iterator["Socket"]:
        """A socket, with an access token of ``user`` or the token given, in the subprotocol.

        ``packed``: its frames are MessagePack.
        """
        token = str(AccessToken.for_user(user)) if user else token
        offered = ["token", token] if token is not None else []
        if packed:
            offered.append("crewops.msgpack")
        if offered:
            options["subprotocols"] = offered
        options = {"compression": None, "max_size": None, "open_timeout": FRAME_S} | options
        with connect(f"ws://127.0.0.1:{self.port}{path}", **options) as connection:
            yield Socket(connection)


class SinceNow:
    """A process that several tests share; its log begins with the test that made this."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._bytes_before = process.log.stat().st_size

    @property
    def log(self) -> "SinceNow":
        return self

    def read_text(self) -> str:
        return self._process.log.read_bytes()[self._bytes_before :].decode()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)


class Socket:
    """A client's end, read frame by frame."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.subprotocol = connection.subprotocol

    def frame(self) -> dict[str, Any]:
        message = self.connection.recv(timeout=FRAME_S)
        return json.loads(message) if isinstance(message, str) else msgpack.unpackb(message)

    def until(self, **fields: Any) -> list[dict[str, Any]]:
        """The frames up to and with the first that has all these fields."""
        frames = []
        deadline = time.monotonic() + UNTIL_S
        while not frames or any(frames[-1].get(k) != v for k, v in fields.items()):
            assert time.monotonic() < deadline, f"No frame with {fields} within {UNTIL_S} s"
            frames.append(self.frame())
        return frames

    def rest(self) -> list[dict[str, Any]]:
        """The frames up to the close; fails when none comes in time."""
        frames = []
        deadline = time.monotonic() + REST_S
        try:
            while time.monotonic() < deadline:
                frames.append(self.frame())
        except ConnectionClosed:
            return frames
        raise AssertionError(f"The socket was not closed within {REST_S} s")

    def close_code(self) -> int:
        """The code the server closes with; any frame before that is a failure."""
        assert self.rest() == []
        return self.connection.protocol.close_code

    @property
    def code(self) -> int | None:
        return self.connection.protocol.close_code

    def send(self, frame: Any) -> None:
        """As in a browser, what is sent to a socket that is closed goes nowhere."""
        if not isinstance(frame, str | bytes):
            packed = self.subprotocol == "crewops.msgpack"
            frame = msgpack.packb(frame) if packed else json.dumps(frame)
        with suppress(ConnectionClosed):
            self.connection.send(frame)
