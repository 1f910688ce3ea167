"""The streams over HTTP: Server-Sent Events, for ``EventSource`` in a browser and for ``curl``.

They are the sockets' consumers. Only what differs is here: a client sends nothing, a refusal is an
HTTP status, and a browser says with ``Last-Event-ID`` where it left off.
"""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from msgspec import UNSET

from realtime.close_codes import CloseCode
from realtime.servers.encodings import EVENT_STREAM, UNNUMBERED
from realtime.servers.event_stream import event_writer_for
from realtime.servers.writer import Frame as Encoded
from realtime.sockets import cors, request_id
from realtime.sockets.base import StreamConsumer, StreamStart, seq_in
from realtime.sockets.close_socket import CloseSocket
from realtime.sockets.frames import Frame
from realtime.sockets.graph import GraphConsumer
from realtime.sockets.mission import MissionConsumer
from realtime.sockets.run import RunConsumer

# The status and the code of the problem for each reason not to begin.
STATUSES = {
    CloseCode.COMPLETE: (HTTPStatus.NO_CONTENT, ""),  # a browser then stops reconnecting
    CloseCode.MALFORMED: (HTTPStatus.BAD_REQUEST, "malformed"),
    CloseCode.UNAUTHENTICATED: (HTTPStatus.UNAUTHORIZED, "not_authenticated"),
    CloseCode.ACCESS_REMOVED: (HTTPStatus.FORBIDDEN, "permission_denied"),
    CloseCode.NOT_FOUND: (HTTPStatus.NOT_FOUND, "not_found"),
    CloseCode.TOO_MANY: (HTTPStatus.TOO_MANY_REQUESTS, "too_many_connections"),
}
SERVER_ERROR = (HTTPStatus.INTERNAL_SERVER_ERROR, "error")
HEADERS = {
    HTTPStatus.UNAUTHORIZED: [(b"www-authenticate", b'Bearer realm="api"')],
    HTTPStatus.TOO_MANY_REQUESTS: [(b"retry-after", b"60")],
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: [(b"connection", b"close")],
    HTTPStatus.REQUEST_TIMEOUT: [(b"connection", b"close")],
}
OF_ALL = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
OF_STREAM = [
    *OF_ALL,
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # nginx would wait until it has a buffer full
    (b"connection", b"close"),
]


class EventStreamConsumer(StreamConsumer):
    """Serves a consumer's streams as the response to a request."""

    encodings = EVENT_STREAM
    methods = ("GET",)
    rendered_every_s = UNSET  # the client sends nothing
    _started = False  # whether the head of the response was sent
    _cors: cors.Headers = []

    async def http_request(self, message: dict[str, Any]) -> None:
        if self.writer or self.closed:  # a further part of a body, which is not read
            return
        self._cors = cors.headers_for(self.scope)  # the scope forgets its headers
        if cors.is_preflight(self.scope):
            self.closed = True
            await self._respond(HTTPStatus.OK, [(b"content-length", b"0")])
            return
        if self.scope["method"] not in self.methods:
            detail = f"Send {' or '.join(self.methods)}."
            await self.refuse(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail)
            return
        if not await self.take_body(message):
            return
        self.writer = event_writer_for(self.scope, self.base_send)
        self.encoding = self.encodings[self.writer.framed]
        self._last_event_id = self._position_sent()
        await self.serve()

    async def take_body(self, message: dict[str, Any]) -> bool:
        """Take a part of the body. Returns whether the response may begin."""
        return True

    async def http_disconnect(self, message: dict[str, Any]) -> None:
        await self.websocket_disconnect(message)

    async def put(self, frame: Encoded) -> None:
        if not self._started:
            self._started = True
            self.writer.on_restart = lambda: self.failed(
                CloseSocket(CloseCode.RESTARTING, "The server restarts.")
            )
            headers = [*OF_STREAM, request_id.header(), *self._cors]
            head = {"type": "http.response.start", "status": 200, "headers": headers}
            await self.base_send(head)
        await super().put(frame)

    def send_or_drop(self, frame: Frame) -> None:
        if self._started:
            super().send_or_drop(frame)

    def beat(self) -> None:
        """`realtime.delivery.heartbeat` calls this."""
        self.writer.write(self.encoding.heartbeat)

    async def end(self, code: CloseCode, reason: str) -> None:
        if self._started:
            await super().end(code, reason)
        else:
            await self.refuse(*STATUSES.get(code, SERVER_ERROR), reason)

    def _resume_from(self, followed: int) -> tuple[int | None, str | None]:
        if not self._last_event_id or not self.resumable:
            return self.since, None
        epoch, _, seq = self._last_event_id.rpartition(":")
        return seq_in(seq, "Last-Event-ID is <epoch>:<seq>."), epoch or None

    async def _start(self, stream: str, start: StreamStart) -> None:
        if start.complete and self.resumable:
            if not start.reset:
                raise CloseSocket(CloseCode.COMPLETE, "The run is complete.")
            # All events were pruned. With this id the client's next attempt is the last.
            await self.put(self.encoding.position(start.epoch, start.seq))
        await super()._start(stream, start)

    def _position_sent(self) -> str:
        for name, value in self.scope["headers"]:
            if name == b"last-event-id":
                return value.decode("latin-1")
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        return query.get("last_event_id", [""])[0]

    async def refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Send a problem instead of the stream; see `crewops.api.problems`."""
        self.closed = True
        problem = {"type": "about:blank", "title": status.phrase, "status": status}
        body = json.dumps(problem | {"code": code, "detail": detail}, ensure_ascii=False).encode()
        headers = list(HEADERS.get(status, []))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append((b"allow", ", ".join(self.methods).encode()))
        if status == HTTPStatus.NO_CONTENT:
            body = b""
        else:
            headers.append((b"content-type", b"application/problem+json"))
            headers.append((b"content-length", str(len(body)).encode()))
        await self._respond(status, headers, body)

    async def _respond(self, status: HTTPStatus, headers: cors.Headers, body: bytes = b"") -> None:
        """Send an answer that is no stream."""
        headers = [*OF_ALL, request_id.header(), *self._cors, *headers]
        head = {"type": "http.response.start", "status": int(status), "headers": headers}
        await self.base_send(head)
        await self.base_send({"type": "http.response.body", "body": body})


class RunEvents(EventStreamConsumer, RunConsumer):
    """``/sse/runs/{run_id}``: ends after ``done``."""

    kind = "sse_run"


class GraphEvents(EventStreamConsumer, GraphConsumer):
    """``/sse/graph/{crew_id}``."""

    kind = "sse_graph"


class MissionEvents(EventStreamConsumer, MissionConsumer):
    """``/sse/mission``: the newest ``signal`` of each crew, also after a reconnect."""

    kind = "sse_mission"
    encodings = UNNUMBERED
