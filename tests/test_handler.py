"""How requests come to threads and database connections."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator
from io import FileIO
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.db.backends.signals import connection_created
from django.http import FileResponse, HttpRequest
from rest_framework_simplejwt.tokens import AccessToken

from crewops import health
from crewops.handler import READY_AT_ONCE, Handler
from crews.sessions import SessionStore
from tests.waiting import comes_true

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def handler(settings, monkeypatch):
    settings.HTTP_THREADS = 1
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 60)
    made = Handler()
    yield made
    made._threads.submit(connections.close_all).result()
    for threads in (made._threads, *made._own_threads.values()):
        threads.shutdown()


async def get(
    handler: Handler, path: str, token: str = "", *headers: tuple[bytes, bytes], query: bytes = b""
) -> list[dict[str, Any]]:
    """The messages of the answer."""
    sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "query_string": query, "http_version": "1.1",
        "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
        "headers": [
            (b"host", b"localhost"), (b"authorization", b"Bearer " + token.encode()), *headers,
        ],
    }  # fmt: skip
    await handler(scope, receive, send)
    return sent


def test_a_thread_keeps_its_connection(handler, acme):
    made = []

    def note(sender: Any, **kwargs: Any) -> None:
        made.append(sender)

    connection_created.connect(note)
    token = str(AccessToken.for_user(acme.viewer))

    async def several() -> list[dict[str, Any]]:
        return [(await get(handler, "/api/crews/", token))[0] for _ in range(5)]

    answers = asyncio.run(several())
    assert [answer["status"] for answer in answers] == [200] * 5
    assert len(made) == 1


def test_a_file_is_sent_part_by_part(handler, acme, tmp_path, monkeypatch):
    whole = os.urandom(3 * Handler.chunk_size + 1)
    (tmp_path / "large").write_bytes(whole)
    read = []

    class Noted(FileIO):
        def read(self, size: int = -1) -> bytes:
            read.append(size)
            return super().read(size)

    def large(request: HttpRequest) -> FileResponse:
        return FileResponse(Noted(tmp_path / "large"))

    monkeypatch.setattr(handler, "get_response", large)
    start, *bodies = asyncio.run(get(handler, "/large", str(AccessToken.for_user(acme.viewer))))
    assert start["status"] == 200
    assert b"".join(body.get("body", b"") for body in bodies) == whole
    assert read == [Handler.chunk_size] * 5


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Until then the database takes every question and answers none."""
    over = threading.Event()
    yield over
    over.set()


@pytest.mark.parametrize(("query", "status"), [(b"", 503), (b"quiet", 200)])
def test_a_database_that_hangs_is_reported_in_time(handler, over, monkeypatch, query, status):
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    monkeypatch.setattr(health, "_database", lambda: over.wait(60))
    monkeypatch.setattr(health, "READY_S", 0.2)

    async def several() -> list[list[dict[str, Any]]]:
        probes = range(3 * READY_AT_ONCE)
        return await asyncio.gather(*(get(handler, "/readyz", query=query) for _ in probes))

    begun = time.monotonic()
    for start, body in asyncio.run(several()):
        assert start["status"] == status
        assert b"no-store" in dict(start["headers"])[b"Cache-Control"]
        answer = json.loads(body["body"])
        assert answer["status"] == "not ready"
        assert set(answer["parts"]) == {"database", "redis", "worker", "tools"}
        assert "No answer within 0.2 s" in answer["parts"]["database"]["message"]
    assert time.monotonic() - begun < 20  # on a busy machine


def test_while_the_database_keeps_all_threads_it_says_that_it_is_alive(handler, over, monkeypatch):
    """Also to a browser, whose session is not looked up. Metrics are answered, too."""
    monkeypatch.setattr(SessionStore, "load", lambda store: over.wait(60) and {})
    cookie = (b"cookie", b"sessionid=" + b"x" * 32)

    async def probe() -> list[dict[str, Any]]:
        waiting = [asyncio.create_task(get(handler, "/runs/", "", cookie)) for _ in range(3)]
        try:
            await comes_true(lambda: handler._threads._work_queue.qsize() == 2)
            async with asyncio.timeout(20):
                metrics = await get(handler, "/metrics", settings.METRICS_TOKEN, cookie)
                return [*metrics[:1], *await get(handler, "/healthz", "", cookie)]
        finally:
            over.set()
            await asyncio.gather(*waiting)

    scraped, start, body = asyncio.run(probe())
    assert scraped["status"] == 200
    assert (start["status"], json.loads(body["body"])) == (200, {"status": "alive"})
