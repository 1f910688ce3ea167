"""How requests come to threads and database connections."""

import asyncio
import os
from io import FileIO
from typing import Any

import pytest
from django.db import connections
from django.db.backends.signals import connection_created
from django.http import FileResponse, HttpRequest
from rest_framework_simplejwt.tokens import AccessToken

from crewops.handler import Handler

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def handler(settings, monkeypatch):
    settings.HTTP_THREADS = 1
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 60)
    made = Handler()
    yield made
    made._threads.submit(connections.close_all).result()
    made._threads.shutdown()


async def get(handler: Handler, path: str, token: str) -> list[dict[str, Any]]:
    """The messages of the answer."""
    sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "http_version": "1.1",
        "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
        "headers": [(b"host", b"localhost"), (b"authorization", b"Bearer " + token.encode())],
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
