from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from realtime import log, streams
from realtime.access import Grant
from realtime.close_codes import CloseCode
from realtime.consumers.base import NO_SUCH_ID, Beginning, StreamConsumer
from realtime.consumers.refusal import NOT_FOUND, UNAUTHENTICATED, Refusal
from realtime.consumers.socket import Admission
from runs.models import Run


class RunConsumer(StreamConsumer):
    """``/ws/runs/{run_id}``: the run from its ``boot`` on; closes 1000 after its ``done``."""

    kind = "run"

    since = 0  # from the boot on; a run whose first events were pruned says so with a reset

    def admit(self, user: AbstractBaseUser | AnonymousUser) -> Admission:
        try:
            run_id = UUID(self.scope["url_route"]["kwargs"]["run_id"])
        except ValueError:
            run_id = NO_SUCH_ID
        found = Run.objects.readable_by(user).filter(pk=run_id).select_related("crew")
        run = found.only("crew__organization").first()
        if run is None:
            raise Refusal(*(UNAUTHENTICATED if user.is_anonymous else NOT_FOUND))
        self.run_id, self._crew_id = run_id, run.crew_id
        return Admission({streams.run(run_id)}, run.log_ids)

    async def begin(self, positions: dict[str, log.Position]) -> dict[str, Beginning]:
        return {stream: Beginning(position.floor, []) for stream, position in positions.items()}

    def allowed(self, grant: Grant, shared: bool | None) -> set[str]:
        if shared is None:  # it was deleted
            raise Refusal(*NOT_FOUND)
        if not shared and self._crew_id not in grant.crews:
            raise Refusal(CloseCode.ACCESS_REMOVED, "Access to this run was removed.")
        return {streams.run(self.run_id)}
