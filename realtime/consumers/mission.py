from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from crews.models import Crew
from realtime import log, streams
from realtime.access import Grant
from realtime.consumers.base import Admission, StreamConsumer
from realtime.consumers.socket import UNAUTHENTICATED, Refusal


class MissionConsumer(StreamConsumer):
    """``/ws/mission``: the status of every crew the user can see, those that appear included."""

    kind = "mission"

    resumable = False

    def admit(self, user: AbstractBaseUser | AnonymousUser) -> Admission:
        if user.is_anonymous:
            raise Refusal(*UNAUTHENTICATED)
        crews = Crew.objects.visible_to(user).values_list("pk", flat=True)
        return Admission(set(map(streams.mission, crews)))

    def begin(self, stream: str, position: log.Position) -> tuple[int, list[str]]:
        newest = log.newest(stream)
        return (newest.seq, [newest.text]) if newest else (position.head, [])

    def allowed(self, grant: Grant, shared: bool) -> set[str]:
        return set(map(streams.mission, grant.crews))
