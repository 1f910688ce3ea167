"""The forms in which a client follows streams: how each of them connects, resumes and reads."""

import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle, product
from typing import NamedTuple

import httpx
import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.chaos.event_source import events_of

OPEN_S = 15.0  # for a connection to be accepted
SILENT_S = 60.0  # a response without any data for so long is dead: a comment comes every 45 s
LOST = 1006  # the code of a connection that ended without one
# What opening a connection raises where no server answers, or one that is about to end.
UNANSWERED = (OSError, TimeoutError, InvalidHandshake, InvalidMessage, httpx.TransportError)

logging.getLogger("httpx").setLevel(logging.WARNING)  # it reports each connection at INFO

Frame = str | bytes  # JSON, or MessagePack


class Place(NamedTuple):
    """Where a client is in a stream. Without ``since`` it begins as a new one."""

    stream: str  # without an id all of that kind
    since: int | None = None
    epoch: str | None = None

    def position(self) -> dict[str, int | str]:
        fields = {"since": self.since, "epoch": self.epoch}
        return {name: value for name, value in fields.items() if value is not None}

    def path(self) -> str:
        """The address after ``/ws`` or ``/sse``."""
        kind, _, key = self.stream.partition(":")
        return f"/{'runs' if kind == 'run' else kind}" + (f"/{key}" if key else "")


class SocketConnection:
    """``asks`` is sent first. ``compressed`` counts the frames that came compressed.

    ``code`` is what the server closed it with, once there are no more frames.
    """

    def __init__(self, connection: ClientConnection, asks: Frame | None) -> None:
        self.code: int | None = None
        self.compressed = 0
        self._connection = connection
        self._asks = asks
        for extension in connection.protocol.extensions:
            self._count(extension)

    async def frames(self) -> AsyncIterator[Frame]:
        try:
            if self._asks is not None:
                await self._connection.send(self._asks)
            async for frame in self._connection:
                yield frame
        except ConnectionClosed:
            pass
        self.code = self._connection.close_code or LOST

    def abort(self) -> None:
        self._connection.transport.abort()

    def _count(self, extension) -> None:
        decode = extension.decode

        def counting(frame, **options):
            self.compressed += frame.rsv1
            return decode(frame, **options)

        extension.decode = counting


class SocketForm:
    """A socket for one stream. The address says where it resumes."""

    streams = 1  # on a connection

    def __init__(self, token: str, *, packed: bool = False, deflated: bool = False) -> None:
        self.packed = packed
        self.deflated = deflated
        self._offered = ["token", token, *(["crewops.msgpack"] if packed else [])]

    @asynccontextmanager
    async def open(self, port: int, places: Sequence[Place]) -> AsyncIterator[SocketConnection]:
        async with connect(
            f"ws://127.0.0.1:{port}{self._path(places)}",
            subprotocols=self._offered,
            compression="deflate" if self.deflated else None,
            ping_interval=None,
            close_timeout=1,
            open_timeout=OPEN_S,
            proxy=None,
        ) as connection:
            assert connection.subprotocol == ("crewops.msgpack" if self.packed else "token")
            assert bool(connection.protocol.extensions) == self.deflated
            yield SocketConnection(connection, self._asks(places))

    def _path(self, places: Sequence[Place]) -> str:
        (place,) = places
        return f"/ws{place.path()}?{httpx.QueryParams(place.position())}"

    def _asks(self, places: Sequence[Place]) -> Frame | None:
        return None


class LiveForm(SocketForm):
    """A socket for several streams. The frame that subscribes says where each resumes."""

    streams = 2

    def _path(self, places: Sequence[Place]) -> str:
        return "/ws/live"

    def _asks(self, places: Sequence[Place]) -> Frame | None:
        wanted = [{"stream": place.stream, **place.position()} for place in places]
        frame = {"type": "subscribe", "streams": wanted}
        return msgpack.packb(frame) if self.packed else json.dumps(frame)


class EventStreamConnection:
    """An answer. ``code`` is that of its ``close`` event, or the status of a refusal."""

    compressed = 0

    def __init__(self, response: httpx.Response, form: "EventStreamForm") -> None:
        self.code: int | None = None
        self._response = response
        self._form = form

    async def frames(self) -> AsyncIterator[Frame]:
        if self._response.status_code != httpx.codes.OK:
            self.code = self._response.status_code
            return
        try:
            async for event in events_of(self._response):
                if event.name == "close":
                    self.code = json.loads(event.data)["code"]
                else:
                    self._form.last_id = event.last_id or self._form.last_id
                    yield event.data
        except httpx.TransportError:
            self.code = self.code or LOST

    def abort(self) -> None:
        """A response has no closing handshake: leaving it ends the connection."""


class EventStreamForm:
    """Server-Sent Events of one stream. ``Last-Event-ID`` says where it resumes.

    ``last_id`` is that of the last event which was received.
    """

    streams = 1

    def __init__(self, token: str) -> None:
        self.last_id = ""
        self._token = token

    @asynccontextmanager
    async def open(
        self, port: int, places: Sequence[Place]
    ) -> AsyncIterator[EventStreamConnection]:
        (place,) = places
        since = "" if place.since is None else f":{place.since}"
        headers = {"Last-Event-ID": self.last_id or since, "Authorization": f"Bearer {self._token}"}
        url = f"http://127.0.0.1:{port}/sse{place.path()}"
        timeout = httpx.Timeout(OPEN_S, read=SILENT_S)
        async with (
            httpx.AsyncClient(timeout=timeout, trust_env=False, verify=False) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            yield EventStreamConnection(response, self)


Connection = SocketConnection | EventStreamConnection
FORMS: dict[str, Callable[[str], SocketForm | EventStreamForm]] = {
    "JSON": SocketForm,
    "MessagePack": partial(SocketForm, packed=True),
    "deflated": partial(SocketForm, deflated=True),
    "deflated MessagePack": partial(SocketForm, packed=True, deflated=True),
    "live": LiveForm,
    "live deflated MessagePack": partial(LiveForm, packed=True, deflated=True),
    "SSE": EventStreamForm,
}


def spread(streams: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Forms and what each follows, again and again: every form follows every stream."""
    for form, first in cycle(product(FORMS, range(len(streams)))):
        rotated = [*streams[first:], *streams[:first]]
        yield form, rotated[: FORMS[form]("").streams]
