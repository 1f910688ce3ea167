"""The load client: `load.c`, compiled when it is first needed, driven over a pipe."""

import base64
import json
import shutil
import subprocess
import sys
import tempfile
from array import array
from pathlib import Path
from typing import Any, NamedTuple, Self

SOURCE = Path(__file__).with_name("load.c")
IN_FLIGHT = 100  # handshakes at once
PACKED, DEFLATED = "crewops.msgpack", "permessage-deflate"
EVENT_STREAM = "text/event-stream"  # instead of a WebSocket


class Arrival(NamedTuple):
    """One measured event at one socket: the number after ``t=``, and when it came, unix ns."""

    t: int
    at: int


class Load:
    """Clients on ``ws://127.0.0.1:{port}{path}``, or of the event stream there.

    ``greeting``: frames that follow the handshake before a socket counts as open. ``offer``: more
    of the handshake, among `PACKED` and `DEFLATED`, or `EVENT_STREAM`.
    """

    def __init__(
        self,
        port: int,
        path: str,
        *,
        token: str | None = None,
        greeting: int = 0,
        offer: tuple[str, ...] = (),
        directory: Path,
    ) -> None:
        work = Path(tempfile.mkdtemp(prefix="load-", dir=directory))
        request = work / "request"
        request.write_text(_request(port, path, token, offer), newline="")
        self._out = work / "arrivals"
        self._popen = subprocess.Popen(
            [binary(directory), str(port), request, str(greeting), self._out],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._popen.stdin.close()
        self._popen.stdout.close()
        self._popen.wait()

    def open(self, sockets: int, in_flight: int = IN_FLIGHT) -> dict[str, Any]:
        """``{opened, seconds, p50_ms, p99_ms}`` from ``connect()`` to the last greeting frame."""
        return self._ask(f"open {sockets} {in_flight}")

    def open_all(self, sockets: int, in_flight: int = IN_FLIGHT) -> dict[str, Any]:
        """``open``; raises ``RuntimeError`` unless every one of them opened."""
        answer = self.open(sockets, in_flight)
        if answer["opened"] != sockets:
            raise RuntimeError(f"{answer['opened']} of {sockets} sockets opened")
        return answer

    def wait(self, events: int, seconds: float) -> dict[str, Any]:
        """``{all, seconds}``: whether every open socket has had that many events in time."""
        return self._ask(f"await {events} {seconds}")

    def report(self) -> tuple[dict[str, Any], list[Arrival]]:
        """What came since the last report, as counted, and each arrival that is measured.

        The counts: ``{events, least, most, holes, doubles, bytes, lost, close_code, cpu_s}``, least
        and most of one socket, lost and ``cpu_s`` (of the client) since the start.
        """
        counts = self._ask("report")
        numbers = array("Q")
        numbers.frombytes(self._out.read_bytes())
        flat = iter(numbers)
        return counts, [Arrival(t, at) for t, at in zip(flat, flat, strict=True)]

    def _ask(self, line: str) -> dict[str, Any]:
        self._popen.stdin.write(line + "\n")
        answer = self._popen.stdout.readline()
        if not answer:
            raise RuntimeError(f"The load client has died at {line!r}")
        return json.loads(answer)


def binary(directory: Path) -> Path:
    """The compiled client. Exits with what to install where there is no C compiler."""
    path = directory / "load"
    if not path.exists():
        compiler = shutil.which("cc")
        if compiler is None:
            sys.exit("No C compiler found: the load client needs one. On Debian: apt install gcc")
        subprocess.run([compiler, "-O2", "-o", path, SOURCE], check=True)
    return path


def _request(port: int, path: str, token: str | None, offer: tuple[str, ...]) -> str:
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    if EVENT_STREAM in offer:
        lines += [f"Accept: {EVENT_STREAM}", f"Authorization: Bearer {token}"]
        return "\r\n".join([*lines, "", ""])
    lines += [
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}",
        "Sec-WebSocket-Version: 13",
    ]
    if token:
        packed = f", {PACKED}" if PACKED in offer else ""
        lines.append(f"Sec-WebSocket-Protocol: token, {token}{packed}")
    if DEFLATED in offer:
        lines.append(f"Sec-WebSocket-Extensions: {DEFLATED}; client_max_window_bits")
    return "\r\n".join([*lines, "", ""])
