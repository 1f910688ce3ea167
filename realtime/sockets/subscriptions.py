"""The streams of a live socket, each served by the consumer that a socket of its own would have.

Only what differs is here: the frames go to the live socket, and a refusal is a frame.
"""

import asyncio
from contextvars import copy_context
from typing import Any, Protocol
from uuid import UUID

from structlog.contextvars import bind_contextvars

from realtime.close_codes import CloseCode
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant, Principal
from realtime.delivery.node import Node
from realtime.delivery.stuck_readers import TooSlow
from realtime.log import streams
from realtime.servers.encodings import Encoding
from realtime.servers.writer import Writer
from realtime.sockets.base import StreamConsumer, log_ids
from realtime.sockets.close_socket import NOT_FOUND, CloseSocket
from realtime.sockets.consumer import Admission
from realtime.sockets.graph import GraphConsumer
from realtime.sockets.metrics import MetricsConsumer
from realtime.sockets.mission import MissionConsumer
from realtime.sockets.run import RunConsumer


class LiveSocket(Protocol):
    """The part of its socket that a subscription uses: see `realtime.sockets.live.LiveConsumer`."""

    node: Node
    channel_layer: Any
    user_id: int | None
    principal: Principal
    session_key: str | None
    credential: str | None
    writer: Writer
    encoding: Encoding
    turn: asyncio.Lock
    beginnings: asyncio.Semaphore

    def check(self, grant: Grant) -> None:
        """Raise ``CloseSocket`` unless the user or API key may still have a socket."""

    def failed(self, error: BaseException) -> None:
        """Close the socket because of an error."""

    async def end_of(self, ended: "Subscription", code: CloseCode, reason: str) -> None:
        """Send the client the end of a stream, and remove the stream."""


class Subscription(StreamConsumer):
    """A stream, or all streams of a kind, that a live socket follows by one name."""

    expires_at = None  # the live socket itself closes when its token expires

    def __init__(self, live: LiveSocket, name: str, ids: dict[str, str]) -> None:
        self.live = live
        self.name = self.empty = name
        self.scope: dict[str, Any] = {"query_string": b"", "url_route": {"kwargs": ids}}
        self.prepare()
        self.node, self.channel_layer = live.node, live.channel_layer
        self.user_id, self.principal = live.user_id, live.principal
        self.session_key = live.session_key
        self.writer, self.encoding, self.turn = live.writer, live.encoding, live.turn
        self.closed = False
        self._tasks: set[asyncio.Task] = set()
        self._context = copy_context()

    @property
    def credential(self) -> str | None:
        """The socket's own: a new token may have replaced the one it was opened with."""
        return self.live.credential

    def begin_at(self, since: int | None, epoch: str | None) -> None:
        """Follow from that position on, once it is this subscription's turn."""
        self._position = since, epoch
        self.soon(self._begin())

    async def _begin(self) -> None:
        async with self.live.beginnings:
            self.channel_name = await self.channel_layer.new_channel()
            grant, run = await self.node.access.of(self.principal, self.run_id)
            self.live.check(grant)
            admission = self.admit(grant, run)
            bind_contextvars(stream=self.name, **admission.log_ids)
            self._context = copy_context()
            await self.open(admission)

    def _resume_from(self, followed: int) -> tuple[int | None, str | None]:
        since, epoch = self._position
        if since is None or not self.resumable or self.name in ALL:
            return self.since, None
        return since, epoch

    def failed(self, error: BaseException) -> None:
        of_socket = isinstance(error, CloseSocket) and error.code == CloseCode.UNAUTHENTICATED
        if of_socket or isinstance(error, TooSlow):
            self.live.failed(error)
        else:
            super().failed(error)

    async def end(self, code: CloseCode, reason: str) -> None:
        await self.live.end_of(self, code, reason)

    def stop(self) -> None:
        """Send nothing more, now."""
        self.closed = True
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        super().stop()


class LiveRun(Subscription, RunConsumer):
    """``run:{run_id}``."""


class LiveGraph(Subscription, GraphConsumer):
    """``graph:{crew_id}``, or ``graph``: those of all crews."""


class LiveMission(Subscription, MissionConsumer):
    """``mission``: those of all crews. Each begins with its newest ``signal``."""


class LiveMissionOfCrew(Subscription, MissionConsumer):
    """``mission:{crew_id}``."""

    resumable = True

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        super().admit(grant, run)
        crew_id = self._crew_id()
        if crew_id not in grant.crews:
            raise CloseSocket(*NOT_FOUND)
        return Admission({streams.mission(crew_id)}, log_ids(crew_id, grant.crews[crew_id]))

    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        if self._crew_id() not in grant.crews:
            raise CloseSocket(CloseCode.ACCESS_REMOVED, "Access to this crew was removed.")
        return {self.name}

    def _crew_id(self) -> UUID:
        return UUID(self.scope["url_route"]["kwargs"]["crew_id"])


class LiveMetrics(Subscription, MetricsConsumer):
    """``metrics:{slug}``, or ``metrics``: as ``/ws/metrics`` with and without an organization."""


ALL: dict[str, type[Subscription]] = {
    "graph": LiveGraph,
    "mission": LiveMission,
    "metrics": LiveMetrics,
}
ONE: dict[str, tuple[type[Subscription], str]] = {
    "run": (LiveRun, "run_id"),
    "graph": (LiveGraph, "crew_id"),
    "mission": (LiveMissionOfCrew, "crew_id"),
    "metrics": (LiveMetrics, "organization"),
}
# Their frames name the stream of the crew, whichever of the two was asked for.
EXCLUSIVE = ("graph", "mission")


def canonical(name: str) -> str | None:
    """The name as all frames have it: an id in lower case. ``None`` if nothing has such a name."""
    kind, colon, id_ = name.partition(":")
    if not colon:
        return name if name in ALL else None
    if kind == "metrics":
        return name if id_ else None
    try:
        return f"{kind}:{UUID(id_)}" if kind in ONE else None
    except ValueError:
        return None


def subscription(live: LiveSocket, name: str) -> Subscription:
    """The subscription of a name that `canonical` has returned."""
    kind, colon, id_ = name.partition(":")
    if not colon:
        return ALL[name](live, name, {})
    consumer, parameter = ONE[kind]
    return consumer(live, name, {parameter: id_})
