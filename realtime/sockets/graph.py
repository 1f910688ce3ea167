import asyncio
from urllib.parse import parse_qs
from uuid import UUID

from realtime import log
from realtime.close_codes import CloseCode
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant
from realtime.log import streams
from realtime.sockets import snapshots
from realtime.sockets.base import NO_SUCH_ID, StreamConsumer, log_ids
from realtime.sockets.close_socket import NO_SCOPE, NOT_FOUND, UNAUTHENTICATED, CloseSocket
from realtime.sockets.consumer import Admission
from realtime.sockets.start_position import NewSocketStart
from runs.events.encoding import dump


class GraphConsumer(StreamConsumer):
    """``/ws/graph?crew_id=`` or ``/ws/graph/{crew_id}``: the graph of a crew, or of all crews."""

    kind = "graph"

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        if self.principal is None:
            raise CloseSocket(*UNAUTHENTICATED)
        if not grant.watches:
            raise CloseSocket(*NO_SCOPE)
        self._crew_id = self._asked_for()
        if self._crew_id is None:
            return Admission(set(map(streams.graph, grant.crews)))
        if self._crew_id not in grant.crews:
            raise CloseSocket(*NOT_FOUND)
        return Admission(
            {streams.graph(self._crew_id)}, log_ids(self._crew_id, grant.crews[self._crew_id])
        )

    async def begin(self, positions: dict[str, log.Position]) -> dict[str, NewSocketStart]:
        feeds = [self.node.feed(stream) for stream in positions]
        beginnings = await asyncio.gather(*(feed.share(_snapshot) for feed in feeds))
        return dict(zip(positions, beginnings, strict=True))

    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        if self._crew_id is None:
            self.stays_member(grant)
            return set(map(streams.graph, grant.crews))
        if self._crew_id not in grant.crews:
            raise CloseSocket(CloseCode.ACCESS_REMOVED, "Access to this crew was removed.")
        return {streams.graph(self._crew_id)}

    def _asked_for(self) -> UUID | None:
        query = parse_qs(self.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = self.scope["url_route"]["kwargs"].get("crew_id") or query.get("crew_id", [None])[0]
        if given is None:
            return None
        try:
            return UUID(given)
        except ValueError:
            return NO_SUCH_ID


def _snapshot(stream: str) -> NewSocketStart:
    snapshot = snapshots.graph(stream)
    return NewSocketStart(snapshot["seq"], [dump(snapshot)])
