from realtime import log
from realtime.delivery.access import Grant, WatchedRun
from realtime.delivery.threads import in_thread
from realtime.log import streams
from realtime.sockets.base import StreamConsumer
from realtime.sockets.consumer import Admission
from realtime.sockets.refusal import NO_SCOPE, UNAUTHENTICATED, Refusal
from realtime.sockets.start_position import Beginning


class MissionConsumer(StreamConsumer):
    """``/ws/mission``: the status of every crew the user can see, including crews added later."""

    kind = "mission"

    resumable = False

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        if self.principal is None:
            raise Refusal(*UNAUTHENTICATED)
        if not grant.watches:
            raise Refusal(*NO_SCOPE)
        return Admission(set(map(streams.mission, grant.crews)))

    async def begin(self, positions: dict[str, log.Position]) -> dict[str, Beginning]:
        return await in_thread(_statuses, positions)

    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        self.stays_member(grant)
        return set(map(streams.mission, grant.crews))


def _statuses(positions: dict[str, log.Position]) -> dict[str, Beginning]:
    """The newest event of each stream, which is the crew's status."""
    beginnings = {}
    for stream, position in positions.items():
        newest = log.newest(stream)
        beginnings[stream] = (
            Beginning(newest.seq, [newest]) if newest else Beginning(position.head, [])
        )
    return beginnings
