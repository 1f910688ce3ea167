"""Calls of the HTTP API by the terminal client, with a fake server."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from realtime.terminal.api import Api, NotDone
from tests.ports import free_port


@pytest.fixture
def server() -> Iterator[Callable[..., Api]]:
    """Makes an API whose server gives this one answer to every call."""
    running = []

    def serve(status: int, body: bytes, **headers: str) -> Api:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST

            def log_message(self, *args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return Api(f"ws://127.0.0.1:{server.server_port}", lambda: "token")

    yield serve
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (409, json.dumps({"detail": "The run has ended."}).encode(), "The run has ended."),
        (502, b"<html>", "The server answered 502 Bad Gateway."),
        (500, b"[]", "The server answered 500 Internal Server Error."),
        (200, b"<html>", "No answer from http://127.0.0.1"),
    ],
)
def test_a_refusal_is_in_the_servers_words(server, status, body, message):
    with pytest.raises(NotDone, match=message):
        server(status, body).post("runs/r/controls/", {"action": "pause"})


def test_a_redirect_is_no_success(server):
    with pytest.raises(NotDone, match="The server answered 301"):
        server(301, b"", Location="/elsewhere").post("runs/r/controls/", {"action": "pause"})


def test_a_server_that_does_not_answer_may_have_received_it():
    api = Api(f"ws://127.0.0.1:{free_port()}", lambda: "token")
    with pytest.raises(NotDone, match="It may have been received: look above"):
        api.post("runs/r/controls/", {"action": "pause"})


def test_a_list_is_read_to_its_last_page(monkeypatch):
    api = Api("ws://127.0.0.1:1", lambda: "token")
    kept = {
        "runs/?status=x": {"results": [{"n": 1}], "next": "http://127.0.0.1:1/api/runs/?cursor=2"},
        "runs/?cursor=2": {"results": [{"n": 2}], "next": None},
    }
    monkeypatch.setattr(api, "get", kept.__getitem__)
    assert [one["n"] for one in api.pages("runs/?status=x")] == [1, 2]


def test_what_is_got_is_the_answer(server):
    assert server(200, b'{"id": "r"}').get("runs/r/") == {"id": "r"}
