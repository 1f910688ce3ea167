"""A server that takes reports as docs/reporting.md says, as far as a client can notice."""

import gzip
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "crewops_test_key"
MIB = 1024 * 1024


class ReportServer:
    """Keeps every accepted event once by run and id. `answers` can be queued to misbehave."""

    def __init__(self, port: int = 0) -> None:
        self.events: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.duplicates = 0
        self.beats: list[str] = []
        self.reject: Callable[[dict[str, Any]], str | None] = lambda event: None
        self.stop: list[str] = []
        self.answers: list[tuple[int, dict[str, str]]] = []  # status and headers of the next calls
        self.limit = MIB
        self.hold = threading.Event()  # clear it to let calls hang
        self.hold.set()
        self.decision: dict[str, Any] | None = None  # the answer to whether a call may begin
        self.drop_answers = 0  # take the events and close without an answer
        self.cut_answers = 0  # take the events and close within the answer
        self._ids: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._sockets: set[socket.socket] = set()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def take(self, lines: list[bytes]) -> dict[str, Any]:
        accepted, duplicates, rejected = 0, 0, []
        with self._lock:
            for index, line in enumerate(lines):
                event = json.loads(line)
                if event["type"] == "beat":
                    self.beats.append(event["run"])
                    accepted += 1
                    continue
                code = self.reject(event)
                if code:
                    entry = {"id": event["id"], "index": index, "code": code, "detail": "no."}
                    rejected.append(entry)
                elif (event["run"], event["id"]) in self._ids:
                    duplicates += 1
                else:
                    self._ids.add((event["run"], event["id"]))
                    self.events.append(event)
                    accepted += 1
            self.duplicates += duplicates
            self._changed.notify_all()
        answer = {"accepted": accepted, "duplicates": duplicates, "rejected": rejected}
        return {**answer, "stop": self.stop} if self.stop else answer

    def ask(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """Keep the question among the events, where it was asked."""
        kept = {name: value for name, value in question.items() if value is not None}
        del kept["expires_after_s"]  # counts down
        with self._lock:
            self.events.append({"type": "question", **kept})
            self._changed.notify_all()
        return self.decision

    def wait(self, condition: Callable[[], bool], timeout: float = 20) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, timeout), self.events[-5:]

    def wait_for(self, kind: str, count: int = 1, timeout: float = 20) -> list[dict[str, Any]]:
        self.wait(lambda: len(self.of(kind)) >= count, timeout)
        return self.of(kind)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    def called(self) -> None:
        with self._lock:
            self._changed.notify_all()

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        for each in list(self._sockets):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone meanwhile is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: ReportServer

    def setup(self) -> None:
        super().setup()
        self.owner._sockets.add(self.connection)

    def finish(self) -> None:
        self.owner._sockets.discard(self.connection)
        super().finish()

    def do_POST(self) -> None:
        owner = self.owner
        body = self.rfile.read(int(self.headers["Content-Length"]))
        owner.calls.append({"path": self.path, "headers": dict(self.headers), "size": len(body)})
        owner.called()
        owner.hold.wait()
        if owner.answers:
            status, headers = owner.answers.pop(0)
            return self.answer(status, {"errors": [{"detail": "as given"}]}, headers)
        asks = self.path == "/api/report/approvals/" and owner.decision is not None
        if self.path != "/api/report/" and not asks:
            return self.answer(404, {})
        if self.headers["Authorization"] != f"Bearer {KEY}":
            return self.answer(401, {"errors": [{"detail": "No such key."}]})
        if asks:
            return self.answer(200, owner.ask(json.loads(body)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        lines = body.splitlines()
        if len(body) > owner.limit or len(lines) > 1000:
            return self.answer(413, {"errors": [{"detail": "Too large."}]})
        answer = owner.take(lines)
        if owner.drop_answers:
            owner.drop_answers -= 1
            self.close_connection = True
            return None
        if owner.cut_answers:
            owner.cut_answers -= 1
            self.close_connection = True
            return self.answer(200, answer, cut=True)
        return self.answer(200, answer)

    def answer(
        self, status: int, body: Any, headers: dict[str, str] | None = None, *, cut: bool = False
    ) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:-9] if cut else data)

    def log_message(self, *args: Any) -> None:
        """Not on the terminal."""
