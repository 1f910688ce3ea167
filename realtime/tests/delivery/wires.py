"""The state machine over the other wires: Server-Sent Events, and the live socket."""

import json
from typing import Any

from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant
from realtime.sockets import subscriptions
from realtime.sockets.consumer import Admission
from realtime.sockets.live import LiveConsumer
from realtime.sockets.sse import EventStreamConsumer
from realtime.sockets.subscriptions import LiveRun
from realtime.tests.delivery.machine import Delivery
from realtime.tests.delivery.parts import Client, Probe


class EventSource(Client):
    """A reader of Server-Sent Events. It knows its position from the ids alone."""

    opening, welcome = "http.request", "http.response.start"

    def request(self) -> dict[str, Any]:
        headers = [] if self.since is None else [(b"last-event-id", f":{self.since}".encode())]
        return {"type": "http", "method": "GET", "headers": headers, "query_string": b""}

    def take(self, frame: str) -> None:
        lines = frame.removesuffix("\n\n").split("\n")
        fields = dict(line.split(": ", 1) for line in lines)
        self.frames.append(json.loads(fields["data"]))
        if "seq" in self.frames[-1]:
            epoch, _, seq = fields["id"].rpartition(":")
            assert int(seq) == self.frames[-1]["seq"]
            assert epoch == [f["epoch"] for f in self.frames if "epoch" in f][-1]


class EventsProbe(EventStreamConsumer, Probe):
    """The same as an event stream."""


class OverEventStream(Delivery):
    consumer = EventsProbe
    client = EventSource


class LiveClient(Client):
    """A client of a live socket. It sees only frames of its stream, after the first `hello`."""

    def request(self) -> dict[str, Any]:
        return {"type": "websocket", "query_string": b""}

    def asks_for(self, stream: str) -> list[dict[str, Any]]:
        self.stream = stream
        return [{"type": "subscribe", "stream": stream, "since": self.since}]

    def take(self, frame: str) -> None:
        taken = json.loads(frame)
        if taken.get("stream", ...) is not None:
            assert taken["stream"] == self.stream
            self.frames.append(taken)


class LiveProbe(LiveConsumer):
    """A live socket without credentials."""

    def __init__(self, stream: str) -> None:
        """The client names the stream."""

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        return Admission(set())

    def check(self, grant: Grant, *, signed_out: bool = False) -> None:
        """Nobody has signed in."""


class ProbedRun(LiveRun):
    """The stream of a run that anyone may follow, although there is no record of it."""

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        return Admission({self.name})


class OverLive(Delivery):
    consumer = LiveProbe
    client = LiveClient

    def __init__(self) -> None:
        super().__init__()
        self.patch.setitem(subscriptions.ONE, "run", (ProbedRun, "run_id"))
