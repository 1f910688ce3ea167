from realtime import log
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant
from realtime.delivery.threads import in_thread
from realtime.log import streams
from realtime.sockets.base import StreamConsumer
from realtime.sockets.close_socket import NO_SCOPE, UNAUTHENTICATED, CloseSocket
from realtime.sockets.consumer import Admission
from realtime.sockets.start_position import NewSocketStart


class MissionConsumer(StreamConsumer):
    """``/ws/mission``: the status of every crew the user can see, including crews added later."""

    kind = "mission"

    resumable = False

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        if self.principal is None:
            raise CloseSocket(*UNAUTHENTICATED)
        if not grant.watches:
            raise CloseSocket(*NO_SCOPE)
        return Admission(set(map(streams.mission, grant.crews)))

    async def begin(self, positions: dict[str, log.Position]) -> dict[str, NewSocketStart]:
        return await in_thread(_statuses, positions)

    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        self.stays_member(grant)
        return set(map(streams.mission, grant.crews))


def _statuses(positions: dict[str, log.Position]) -> dict[str, NewSocketStart]:
    """The newest event of each stream, which is the crew's status."""
    beginnings = {}
    for stream, position in positions.items():
        newest = log.newest(stream)
        beginnings[stream] = (
            NewSocketStart(newest.seq, [newest]) if newest else NewSocketStart(position.head, [])
        )
    return beginnings
