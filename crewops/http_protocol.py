"""The HTTP protocol of our uvicorn: heads of requests that are late, too long, too many or invalid end.

uvicorn waits for a head for ever and keeps whatever has come of it. It also loses the body of a
request that offers a protocol we do not speak, as Java's client does (``Upgrade: h2c``).
"""

import asyncio
import json
from asyncio import TimerHandle
from typing import ClassVar, Self

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from crewops.request_context import RequestContext
from crewops.request_head import (
    HEAD_LIMIT,
    TOO_LARGE,
    Refusal,
    refusal_of,
    refusal_of_handshake,
    tokens_of,
    without_upgrade,
)

HEAD_S = 10.0  # for the whole head of a request
WAITING_LIMIT = 1000  # connections of this process whose head is not complete


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with checks of what comes before a request is there.

    Over the limit of connections that wait, the oldest is dropped; a real client would have sent its
    head by now.
    """

    waiting: ClassVar[dict[Self, TimerHandle]] = {}  # the oldest first
    _head_bytes = 0  # of a head that is not complete
    _in_head = False
    _begun = 0  # requests that began in the chunk that is read now
    _refusal: Refusal | None = None
    _version = "1.1"
    _replays = False  # the parser reads the same head again, without its offer to upgrade

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
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
        if self.transport.is_closing() or not (self._in_head or self in self.waiting):
            return
        # Of a chunk in which a head begins behind another request, the size is known when it is complete.
        self._head_bytes += len(data) if self._begun <= begins else 0
        if self._head_bytes > HEAD_LIMIT:
            if is_idle:
                self.transport.write(_plain(TOO_LARGE))
            self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self.parser = None  # refers to this protocol in turn, so both would wait for the collector

    def on_message_begin(self) -> None:
        self._in_head = True
        self._begun += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_is_there()
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
            self.url = self.url[:1000]  # the URL parser takes less than a head may have
        try:
            super().on_headers_complete()
        finally:
            self.app = app

    def on_body(self, body: bytes) -> None:
        if not self._replays:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._replays:
            super().on_message_complete()

    def _should_upgrade(self) -> bool:
        # Not behind a request that is still answered: the answer would go into the socket.
        is_idle = self.cycle is None or self.cycle.response_complete
        return is_idle and self._refusal is None and self._offers_websocket()

    def _offers_websocket(self) -> bool:
        # An offer in HTTP/1.0 is to be ignored: RFC 9110, 7.8.
        return self._version == "1.1" and self._get_upgrade() == b"websocket"

    def _get_upgrade(self) -> bytes | None:
        # uvicorn's reads the last line of each name only, and some proxies add a second one.
        if b"upgrade" not in tokens_of(b"connection", self.headers):
            return None
        offered = tokens_of(b"upgrade", self.headers)
        return b"websocket" if b"websocket" in offered else b", ".join(offered)

    def _replay(self, rest: bytes) -> None:
        """Read the request again as one that offers no upgrade, which is to be ignored."""
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + self._version.encode()]
        lines += [name + b": " + value for name, value in without_upgrade(self.headers)]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def _wait_for_head(self) -> None:
        self._head_bytes = 0
        self.waiting[self] = self.loop.call_later(HEAD_S, self.transport.abort)
        if len(self.waiting) > WAITING_LIMIT:
            oldest = next(iter(self.waiting))
            oldest._head_is_there()
            oldest.transport.abort()

    def _head_is_there(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        if timer := self.waiting.pop(self, None):
            timer.cancel()


def _plain(refusal: Refusal) -> bytes:
    """The answer to a request whose head is not waited for any longer."""
    body = json.dumps(refusal.problem).encode()
    lines = [b"HTTP/1.1 %d %b" % (refusal.status, refusal.status.phrase.encode())]
    lines += [name + b": " + value for name, value in refusal.wire()]
    lines += [b"connection: close", b"content-length: %d" % len(body), b"", body]
    return b"\r\n".join(lines)
