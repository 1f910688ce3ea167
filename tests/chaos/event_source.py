"""Reads Server-Sent Events as they come, as the WHATWG specification says."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx


class ServerSentEvent(NamedTuple):
    name: str
    data: str
    last_id: str  # of this event, or of the last one before it that had any


async def events_of(response: httpx.Response) -> AsyncIterator[ServerSentEvent]:
    """The events of the response. One that has not come completely is none."""
    name, data, last_id = "message", [], ""
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            field, _, value = line.decode().partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                last_id = value
            elif not line:
                if data:
                    yield ServerSentEvent(name, "\n".join(data), last_id)
                name, data = "message", []
