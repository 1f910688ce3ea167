"""The HTTP protocol of our uvicorn: heads of requests that are late, too long or too many end.

uvicorn waits for a head for ever and keeps whatever has come of it.
"""

import asyncio
from asyncio import TimerHandle
from typing import ClassVar, Self

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0  # for the whole head of a request
HEAD_LIMIT = 64 * 1024  # bytes
WAITING_LIMIT = 1000  # connections of this process whose head is not complete
TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a bound on what comes before a request is there.

    Of too many connections that wait the oldest ends: who means to ask has asked by then.
    """

    waiting: ClassVar[dict[Self, TimerHandle]] = {}  # the oldest first
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self not in self.waiting and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_head()
        super().data_received(data)
        if self in self.waiting:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT:
                self.transport.write(TOO_LONG)
                self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self.parser = None  # refers to this protocol in turn, so both would wait for the collector

    def on_headers_complete(self) -> None:
        self._head_is_there()
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        self._head_bytes = 0
        self.waiting[self] = self.loop.call_later(HEAD_S, self.transport.abort)
        if len(self.waiting) > WAITING_LIMIT:
            oldest = next(iter(self.waiting))
            oldest._head_is_there()
            oldest.transport.abort()

    def _head_is_there(self) -> None:
        if timer := self.waiting.pop(self, None):
            timer.cancel()
