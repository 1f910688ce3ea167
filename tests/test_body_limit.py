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
