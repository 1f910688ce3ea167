from uuid import UUID

from realtime import log, streams
from realtime.access import Grant, WatchedRun
from realtime.close_codes import CloseCode
from realtime.consumers.base import NO_SUCH_ID, Beginning, StreamConsumer, log_ids
from realtime.consumers.refusal import NOT_FOUND, UNAUTHENTICATED, Refusal
from realtime.consumers.socket import Admission


class RunConsumer(StreamConsumer):
    """``/ws/runs/{run_id}``: the run from its ``boot`` on; closes 1000 after its ``done``."""

    kind = "run"

    since = 0  # from the boot on; a run whose first events were pruned says so with a reset

    def asked_run(self) -> UUID:
        try:
            return UUID(self.scope["url_route"]["kwargs"]["run_id"])
        except ValueError:
            return NO_SUCH_ID

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        if run is None or not self._readable(grant, run):
            raise Refusal(*(UNAUTHENTICATED if self.user_id is None else NOT_FOUND))
        ids = log_ids(run.crew_id, run.organization_id)
        return Admission({streams.run(self.run_id)}, {"run_id": str(self.run_id), **ids})

    async def begin(self, positions: dict[str, log.Position]) -> dict[str, Beginning]:
        return {stream: Beginning(position.floor, []) for stream, position in positions.items()}

    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        if run is None:  # it was deleted
            raise Refusal(*NOT_FOUND)
        if not self._readable(grant, run):
            raise Refusal(CloseCode.ACCESS_REMOVED, "Access to this run was removed.")
        return {streams.run(self.run_id)}

    def _readable(self, grant: Grant, run: WatchedRun) -> bool:
        return run.shared or run.crew_id in grant.crews
