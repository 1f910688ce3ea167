"""Our HTTP protocol: bodies that do not come, and requests that come behind another."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from crewops import deferred_response, uvicorn_http
from crewops.uvicorn_http import HttpProtocol
from realtime.sockets import agui
from realtime.sockets.agui import AguiEvents
from realtime.tests.transport import Transport
from tests.waiting import comes_true

STREAM = b"GET /sse/mission HTTP/1.1\r\nHost: a\r\n\r\n"
OTHER = b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"
RUN = "0b5e0000-0000-4000-8000-000000000000"


class Connected(Transport):
    """To close it ends the connection in the next turn of the loop."""

    lost: Callable[[Exception | None], None]

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.lost, None)

    abort = close

    def set_write_buffer_limits(self, high: int) -> None:
        """The test reads everything."""

    def pause_reading(self) -> None:
        """The test sends what it likes."""

    resume_reading = pause_reading

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else None


class App:
    """Waits until the client has disconnected. Before that it holds an answer, if it ``holds``."""

    def __init__(self, *, holds: bool = False) -> None:
        self.holds = holds
        self.received: dict[str, list[dict[str, Any]]] = {}
        self.ended: list[str] = []

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        received = self.received[scope["path"]] = []
        if self.holds:
            scope["extensions"][deferred_response.EXTENSION].listen(lambda: None)
        while not received or received[-1]["type"] != "http.disconnect":
            received.append(await receive())
        self.ended.append(scope["path"])


def connect(app: Callable) -> HttpProtocol:
    config = Config(app, http=HttpProtocol, interface="asgi3", log_config=None, lifespan="off")
    protocol = HttpProtocol(config=config, server_state=ServerState(), app_state={})
    transport = Connected()
    transport.lost = protocol.connection_lost
    protocol.connection_made(transport)
    return protocol


@pytest.mark.parametrize("first", [STREAM, OTHER], ids=["event stream", "any answer"])
async def test_a_request_behind_another_does_not_hide_that_the_client_is_gone(first):
    app = App()
    protocol = connect(app)
    protocol.data_received(first + OTHER.replace(b"other", b"behind"))
    await comes_true(lambda: app.received)
    protocol.connection_lost(ConnectionResetError())
    await comes_true(lambda: app.ended)
    assert "/behind" not in app.received


@pytest.mark.parametrize("holds", [False, True], ids=["event stream", "held answer"])
async def test_a_request_behind_an_answer_that_takes_hours_ends_the_connection(holds):
    app = App(holds=holds)
    protocol = connect(app)
    protocol.data_received(OTHER if holds else STREAM)
    await comes_true(lambda: app.received)
    assert not protocol.transport.closing
    protocol.data_received(OTHER)
    assert protocol.transport.closing
    await comes_true(lambda: app.ended)


async def test_a_request_behind_a_short_answer_waits_for_it():
    async def answer(scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        await asyncio.sleep(0.05)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    protocol = connect(answer)
    protocol.data_received(OTHER)
    await asyncio.sleep(0)
    protocol.data_received(OTHER)
    await comes_true(lambda: protocol.transport.written.count(b" 204 ") == 2)
    protocol.connection_lost(None)


@pytest.mark.parametrize("path", [b"/sse/mission", b"/agui/runs/x"])
async def test_an_event_stream_does_not_wait_for_the_first_byte_of_a_body(path):
    """It counts the connection, or limits its own wait for the body."""
    app = App()
    protocol = connect(app)
    protocol.data_received(b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
    await comes_true(lambda: app.received.get(path.decode()))
    received = app.received[path.decode()]
    assert received == [{"type": "http.request", "body": b"", "more_body": True}]
    protocol.data_received(b"abc")
    await comes_true(lambda: len(received) == 2)
    assert received[1] == {"type": "http.request", "body": b"abc", "more_body": False}
    protocol.connection_lost(None)
    await comes_true(lambda: app.ended)


async def test_an_agui_client_that_sends_no_byte_of_its_body_is_refused_in_time(monkeypatch):
    monkeypatch.setattr(agui, "BODY_S", 0.1)

    async def app(scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        scope["url_route"] = {"kwargs": {"run_id": RUN}}
        await AguiEvents.as_asgi()(scope, receive, send)

    protocol = connect(app)
    protocol.data_received(
        b"POST /agui/runs/%b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n" % RUN.encode()
    )
    await comes_true(lambda: protocol.transport.closing)
    assert protocol.transport.written.startswith(b"HTTP/1.1 408 ")


async def test_connections_with_an_incomplete_body_are_bounded(monkeypatch):
    monkeypatch.setattr(uvicorn_http, "BODIES_LIMIT", 2)
    head = b"POST /api/report/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
    oldest, complete, *others = [connect(App()) for _ in range(4)]
    oldest.data_received(head + b"a")
    complete.data_received(head + b"ab")
    for protocol in others:
        assert not oldest.transport.closing
        protocol.data_received(head)
    assert oldest.transport.closing
    assert [p.transport.closing for p in (complete, *others)] == [False] * 3
    for protocol in (complete, *others):
        protocol.connection_lost(None)
    await comes_true(lambda: not HttpProtocol.in_body)
