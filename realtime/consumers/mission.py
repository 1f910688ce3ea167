from realtime import log, streams
from realtime.access import Grant, WatchedRun
from realtime.consumers.base import Beginning, StreamConsumer
from realtime.consumers.refusal import UNAUTHENTICATED, Refusal
from realtime.consumers.socket import Admission
from realtime.threads import in_thread


class MissionConsumer(StreamConsumer):
    """``/ws/mission``: the status of every crew the user can see, those that appear included."""

    kind = "mission"

    resumable = False

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        if self.user_id is None:
            raise Refusal(*UNAUTHENTICATED)
        return Admission(set(map(streams.mission, grant.crews)))

    async def begin(self, positions: dict[str, log.Position]) -> dict[str, Beginning]:
        return await in_thread(_statuses, positions)

    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        self.stays_member(grant)
        return set(map(streams.mission, grant.crews))


def _statuses(positions: dict[str, log.Position]) -> dict[str, Beginning]:
    """Each crew's status: the newest event of its stream."""
    beginnings = {}
    for stream, position in positions.items():
        newest = log.newest(stream)
        beginnings[stream] = (
            Beginning(newest.seq, [newest.text]) if newest else Beginning(position.head, [])
        )
    return beginnings
