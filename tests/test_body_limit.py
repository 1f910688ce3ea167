"""Bodies that come slowly; large ones are tried on a live server in `test_problems`."""

import asyncio
import json
from typing import Any

import pytest

from crewops.body_limit import BodyLimit


async def reader(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Reads the body whole, then waits for the client to leave, as Django does."""
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    assert (await receive())["type"] == "http.disconnect"


@pytest.mark.parametrize(("pause_s", "status"), [(0.0, 200), (0.05, 408)])
async def test_a_body_that_trickles_in_is_not_waited_for(pause_s, status):
    pieces = [{"type": "http.request", "body": b"x", "more_body": n < 9} for n in range(10)]
    sent = []

    async def receive() -> dict[str, Any]:
        if pieces:
            await asyncio.sleep(pause_s)
            return pieces.pop(0)
        await asyncio.sleep(0.3)  # an answer may take longer than a body
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await BodyLimit(reader, limit=100, seconds=0.2)({"headers": []}, receive, send)
    assert sent[0]["status"] == status
    if status == 408:
        assert json.loads(sent[1]["body"])["code"] == "too_slow"


class Client:
    """Sends ten pieces of twenty bytes; ``length``: what it says before."""

    def __init__(self, length: int | None) -> None:
        self.headers = [] if length is None else [(b"content-length", str(length).encode())]
        self.left = 10
        self.answers: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self.left:
            return {"type": "http.disconnect"}
        self.left -= 1
        return {"type": "http.request", "body": b"x" * 20, "more_body": self.left > 0}

    async def send(self, message: dict[str, Any]) -> None:
        self.answers.append(message)

    async def status(self, *, path: str = "/", **limits: Any) -> int:
        scope = {"headers": self.headers, "path": path}
        await BodyLimit(reader, **limits)(scope, self.receive, self.send)
        return self.answers[0]["status"]


async def test_a_body_that_comes_too_large_is_refused_as_soon_as_it_is():
    client = Client(length=None)
    assert await client.status(limit=100) == 413
    assert client.left == 4
    assert await Client(length=None).status(limit=200) == 200


async def test_a_body_that_is_announced_too_large_is_not_read():
    client = Client(length=200)
    assert await client.status(limit=100) == 413
    assert client.left == 10
    assert await Client(length=200).status(limit=200) == 200


@pytest.mark.parametrize("length", [None, 200])
async def test_a_path_may_have_its_own_limit(length):
    limits = {"limit": 100, "limits": {"/v1/traces": 200}}
    assert await Client(length).status(path="/v1/traces", **limits) == 200
    assert await Client(length).status(path="/api/report/", **limits) == 413
