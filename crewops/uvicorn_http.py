"""The HTTP protocol of our uvicorn, with limits for request heads: time, size, number, validity.

uvicorn waits for a head for ever and keeps all bytes received so far. It also loses the body of a
request that offers a protocol which is not supported, as Java's client does (``Upgrade: h2c``).
When a connection ends, it informs only the newest of its requests.
"""

import asyncio
import json
from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any, ClassVar, Self

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from crewops import deferred_response
from crewops.request_context import RequestContext
from crewops.request_head import (
    HEAD_LIMIT,
    TOO_LARGE,
    ErrorResponse,
    refusal_of,
    refusal_of_handshake,
    tokens_of,
    without_upgrade,
)
from realtime.servers import event_stream
from realtime.servers.writer import EXTENSION

HEAD_S = 10.0  # for the whole head of a request
WAITING_LIMIT = 1000  # connections of this process with an incomplete head
BODIES_LIMIT = 1000  # connections of this process with an incomplete body


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with checks of the head of a request.

    Over a limit of incomplete requests, the oldest is dropped. A real client would have sent its
    head by then, or its body: applications wait a minute for one.
    """

    waiting: ClassVar[dict[Self, TimerHandle]] = {}  # for a head, the oldest first
    in_body: ClassVar[dict[Self, None]] = {}  # the oldest first
    _head_bytes = 0  # of an incomplete head
    _in_head = False
    _begun = 0  # number of requests that began in the current chunk
    _refusal: ErrorResponse | None = None
    _version = "1.1"
    _answered: RequestResponseCycle | None = None  # the newest request whose answer has begun
    _events: event_stream.ChunkWriter | None = None  # writes its response, an event stream
    _stop: deferred_response.StopNotifier | None = None  # of a response that waits for a person
    _replays = False  # whether the parser reads the head again without its upgrade

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting_for_head()
        self.in_body.pop(self, None)
        self._events = None
        answered, self._answered = self._answered, None
        if answered and not answered.response_complete:
            answered.disconnected = True
            answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        is_idle = self.cycle is None or self.cycle.response_complete
        if self not in self.waiting and is_idle:
            self._wait_for_head()
        begins, self._begun = int(is_idle and not self._in_head), 0
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif self._replays:
                self._replay(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        self._limit_bodies()
        if self.transport.is_closing() or not (self._in_head or self in self.waiting):
            return
        # If a head begins after another request in a chunk, its size is known when it is complete.
        self._head_bytes += len(data) if self._begun <= begins else 0
        if self._head_bytes > HEAD_LIMIT:
            if is_idle:
                self.transport.write(_plain(TOO_LARGE))
            self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self.in_body.pop(self, None)
        self.parser = None  # a reference cycle, which only the garbage collector would free

    def on_message_begin(self) -> None:
        self._in_head = True
        self._begun += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_waiting_for_head()
        method = self.parser.get_method()
        if self._replays:
            self._replays = False
        else:
            self._version = self.parser.get_http_version()
            self._refusal = refusal_of(self._version, method, self.url, self.headers)
            if self._refusal is None and self._offers_websocket():
                self._refusal = refusal_of_handshake(self.headers)
        if self.parser.should_upgrade() and not self._should_upgrade() and method != b"CONNECT":
            self._replays = True  # the parser now raises HttpParserUpgrade
            return
        app = self.app
        if self._refusal:
            self.app = RequestContext(self._refusal)
            self.url = self.url[:1000]  # the URL parser accepts less than a head may contain
        try:
            super().on_headers_complete()
        finally:
            self.app = app
        if self.pipeline and (self._events or (self._stop and self._stop.is_awaited)):
            # The answer before it may take hours. Reading pauses meanwhile, so that nobody would
            # notice that the client has disconnected.
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Callable[..., Any]) -> None:
        self._answered = cycle
        self._events = self._stop = None
        if cycle.scope["path"].startswith(event_stream.PREFIXES):
            self._events = event_stream.ChunkWriter(cycle)
            cycle.scope["extensions"] = {EXTENSION: self._events}
            cycle.message_event.set()  # it limits its own wait for the body, and counts itself
        else:
            self._stop = deferred_response.StopNotifier()
            cycle.scope["extensions"] = {deferred_response.EXTENSION: self._stop}
        super()._start_asgi_task(cycle, app)

    def shutdown(self) -> None:
        super().shutdown()
        if self._events:
            self._events.restart()
        if self._stop:
            self._stop()

    def on_body(self, body: bytes) -> None:
        if not self._replays:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._replays:
            super().on_message_complete()

    def _should_upgrade(self) -> bool:
        # Not while another request is being answered: the answer would go into the socket.
        is_idle = self.cycle is None or self.cycle.response_complete
        return is_idle and self._refusal is None and self._offers_websocket()

    def _offers_websocket(self) -> bool:
        # An upgrade in HTTP/1.0 must be ignored (RFC 9110, 7.8).
        return self._version == "1.1" and self._get_upgrade() == b"websocket"

    def _get_upgrade(self) -> bytes | None:
        # uvicorn reads only the last header of each name, and some proxies add a second one.
        if b"upgrade" not in tokens_of(b"connection", self.headers):
            return None
        offered = tokens_of(b"upgrade", self.headers)
        return b"websocket" if b"websocket" in offered else b", ".join(offered)

    def _replay(self, rest: bytes) -> None:
        """Parse the request again without its upgrade, which must be ignored."""
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + self._version.encode()]
        lines += [name + b": " + value for name, value in without_upgrade(self.headers)]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # like uvicorn
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def _limit_bodies(self) -> None:
        """Count this connection if a part of its request's body is missing."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.more_body:
            self.in_body.pop(self, None)
        elif not self.transport.is_closing():
            self.in_body[self] = None
            if len(self.in_body) > BODIES_LIMIT:
                oldest = next(iter(self.in_body))
                del self.in_body[oldest]
                oldest.transport.abort()

    def _wait_for_head(self) -> None:
        self._head_bytes = 0
        self.waiting[self] = self.loop.call_later(HEAD_S, self.transport.abort)
        if len(self.waiting) > WAITING_LIMIT:
            oldest = next(iter(self.waiting))
            oldest._stop_waiting_for_head()
            oldest.transport.abort()

    def _stop_waiting_for_head(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        if timer := self.waiting.pop(self, None):
            timer.cancel()


def _plain(refusal: ErrorResponse) -> bytes:
    """The answer to a request whose head was refused."""
    body = json.dumps(refusal.problem).encode()
    lines = [b"HTTP/1.1 %d %b" % (refusal.status, refusal.status.phrase.encode())]
    lines += [name + b": " + value for name, value in refusal.wire()]
    lines += [b"connection: close", b"content-length: %d" % len(body), b"", body]
    return b"\r\n".join(lines)
