"""How requests come to threads and database connections."""

import asyncio
from typing import Any

import pytest
from django.db import connections
from django.db.backends.signals import connection_created
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


async def get(handler: Handler, path: str, token: str) -> dict[str, Any]:
    """The first message of the answer."""
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
    return sent[0]


def test_a_thread_keeps_its_connection(handler, acme):
    made = []

    def note(sender: Any, **kwargs: Any) -> None:
        made.append(sender)

    connection_created.connect(note)
    token = str(AccessToken.for_user(acme.viewer))

    async def several() -> list[dict[str, Any]]:
        return [await get(handler, "/api/crews/", token) for _ in range(5)]

    answers = asyncio.run(several())
    assert [answer["status"] for answer in answers] == [200] * 5
    assert len(made) == 1
