from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from crews.models import Crew
from realtime import log, streams
from realtime.access import Grant
from realtime.consumers.base import Beginning, StreamConsumer
from realtime.consumers.refusal import UNAUTHENTICATED, Refusal
from realtime.consumers.socket import Admission
from realtime.threads import in_thread


class MissionConsumer(StreamConsumer):
    """``/ws/mission``: the status of every crew the user can see, those that appear included."""

    kind = "mission"

    resumable = False

    def admit(self, user: AbstractBaseUser | AnonymousUser) -> Admission:
        if user.is_anonymous:
            raise Refusal(*UNAUTHENTICATED)
        crews = Crew.objects.visible_to(user).values_list("pk", flat=True).order_by()
        return Admission(set(map(streams.mission, crews)))

    async def begin(self, positions: dict[str, log.Position]) -> dict[str, Beginning]:
        return await in_thread(_statuses, positions)

    def allowed(self, grant: Grant, shared: bool | None) -> set[str]:
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
