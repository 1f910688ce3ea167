"""`crewops agui-proxy`: forward requests to an AG-UI agent, and report the runs that it streams."""

import argparse
import contextlib
import http.client
import json
import signal
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from . import reporter
from .adapters.waiting import KEPT
from .agui_exchange import Exchange
from .streams.sse import Events

PIECE = 64 * 1024  # bytes read at once
BODY = 16 * 1024 * 1024  # bytes of a request
CONNECT_S = 10.0
# Headers of one connection (RFC 9110, 7.6.1), and headers that this proxy sets.
OWN = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
       "transfer-encoding", "upgrade", "host", "content-length", "date", "server"}  # fmt: skip


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "agui-proxy",
        help="forward requests to an AG-UI agent and report its runs",
        description="Forward requests to an AG-UI agent, and report the runs that it streams.",
    )
    parser.add_argument("--crew", required=True, help="the slug of the crew")
    parser.add_argument("--to", required=True, help="the agent's URL")
    parser.add_argument("--agent", default="agent", help="the agent's id in CrewOps")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=8010, help="the port to listen on; 0: any")
    parser.set_defaults(call=serve)


def serve(given: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    try:
        server = Proxy(given.host, given.port, given.to, given.crew, given.agent)
    except (OSError, ValueError) as error:
        print(f"crewops agui-proxy: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _stop)
    print(f"Send AG-UI requests to http://{given.host}:{server.server_port}/", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    server.end_waiting()
    reporter.current().close()
    return 0


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


class Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, to: str, crew: str, agent: str) -> None:
        url = urlsplit(to)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"--to {to}: give an address like http://localhost:8000/agent")
        self.to = url
        self._crew = crew
        self._agent = agent
        self._waiting: dict[str, Exchange] = {}  # by thread, the oldest first
        self._lock = threading.Lock()
        super().__init__((host, port), Handler)

    def open(self, sent: Any) -> tuple[str, Exchange]:
        """Return the request's thread and its run: the one that waits there, or a new one."""
        sent = sent if isinstance(sent, dict) else {}
        thread = str(sent.get("threadId") or "")[:200]
        with self._lock:
            waiting = self._waiting.pop(thread, None)
        if waiting is not None and sent.get("resume"):
            return thread, waiting
        if waiting is not None:
            waiting.end("cancelled", "The front end began another run.")
        return thread, Exchange(self._crew, self._agent, thread)

    def keep(self, thread: str, exchange: Exchange) -> None:
        with self._lock:
            before = self._waiting.pop(thread, None)
            self._waiting[thread] = exchange
            over = next(iter(self._waiting)) if len(self._waiting) > KEPT else None
            oldest = self._waiting.pop(over) if over is not None else None
        for each in filter(None, (before, oldest)):
            each.end("cancelled", "Too many runs wait, or another one began.")

    def end_waiting(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.end("cancelled", "The proxy has stopped.")

    def upstream(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPConnection
        if self.to.scheme == "https":
            kind = http.client.HTTPSConnection
        return kind(self.to.hostname or "", self.to.port, timeout=CONNECT_S)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy
    _kept = False  # whether the run waits for another request

    def do_POST(self) -> None:
        body = self._body("")
        if body is None:
            return
        sent = None
        with contextlib.suppress(ValueError, RecursionError):
            sent = json.loads(body)
        thread, exchange = self.server.open(sent)
        exchange.texts.asked(sent)
        with contextlib.closing(self.server.upstream()) as upstream:
            try:
                response = self._ask(upstream, body)
            except (OSError, http.client.HTTPException) as error:
                exchange.end("failed", f"The agent cannot be reached: {error}"[:500])
                return self._refuse(502, "The agent cannot be reached.")
            if response.status >= 300:
                exchange.end("failed", f"The agent answered HTTP {response.status}.")
                self._pass(response, None, thread)
                return
            is_read = self._pass(response, exchange, thread)
            if self._kept:  # another request may continue it by now
                return
            if is_read or exchange.has_ended:
                exchange.response_ended()
            else:
                exchange.end("cancelled", "The front end closed the connection.")

    def do_OPTIONS(self) -> None:
        """Forward a request that begins no run, such as a browser's CORS preflight."""
        body = self._body("0")
        if body is None:
            return
        with contextlib.closing(self.server.upstream()) as upstream:
            try:
                response = self._ask(upstream, body)
            except (OSError, http.client.HTTPException):
                return self._refuse(502, "The agent cannot be reached.")
            self._pass(response, None, "")

    do_GET = do_OPTIONS

    def _body(self, length: str) -> bytes | None:
        """Return the request's body, or None if it was refused. `length` is the default."""
        self.close_connection = True
        try:
            count = int(self.headers.get("Content-Length", length))
        except ValueError:
            return self._refuse(411, "Send a Content-Length.")
        if not 0 <= count <= BODY:
            return self._refuse(413, f"The body may have at most {BODY} bytes.")
        return self.rfile.read(count)

    def _ask(self, upstream: http.client.HTTPConnection, body: bytes) -> http.client.HTTPResponse:
        to = self.server.to
        path = (to.path or "/") + (f"?{to.query}" if to.query else "")
        kept = {k: v for k, v in self.headers.items() if k.lower() not in OWN}
        kept["Accept-Encoding"] = "identity"
        upstream.request(self.command, path, body or None, kept)
        if upstream.sock is not None:
            upstream.sock.settimeout(None)  # an agent may take long to answer
        return upstream.getresponse()

    def _pass(
        self, response: http.client.HTTPResponse, exchange: Exchange | None, thread: str
    ) -> bool:
        """Forward the response as it arrives. Return False if the front end has closed."""
        events = Events()
        try:
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in OWN:
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            for piece in _pieces(response):
                if exchange is not None and not self._kept:
                    for event in events.feed(piece):
                        exchange.feed(event)
                    if exchange.waits:  # before the front end can answer
                        self._kept = True
                        self.server.keep(thread, exchange)
                self.wfile.write(piece)
        except OSError:
            return False
        return True

    def _refuse(self, status: int, detail: str) -> None:
        body = json.dumps({"detail": detail}).encode()
        with contextlib.suppress(OSError):
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Log nothing: runs are reported, so a line for each request would add nothing."""


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield bytes as they arrive, until the response ends or its connection fails."""
    with contextlib.suppress(http.client.HTTPException, OSError):
        while piece := response.read1(PIECE):
            yield piece
