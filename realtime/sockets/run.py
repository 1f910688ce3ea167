from uuid import UUID

from realtime import log
from realtime.close_codes import CloseCode
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant
from realtime.log import streams
from realtime.sockets.base import NO_SUCH_ID, StreamConsumer, log_ids
from realtime.sockets.close_socket import NO_SCOPE, NOT_FOUND, UNAUTHENTICATED, CloseSocket
from realtime.sockets.consumer import Admission
from realtime.sockets.start_position import NewSocketStart


class RunConsumer(StreamConsumer):
    """``/ws/runs/{run_id}``: the run from its ``boot`` on. Closed with 1000 after ``done``."""

    kind = "run"

    since = 0  # from the boot on; if the first events were pruned, a reset is sent

    def asked_run(self) -> UUID:
        try:
            return UUID(self.scope["url_route"]["kwargs"]["run_id"])
        except ValueError:
            return NO_SUCH_ID

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        if run is None or not self._readable(grant, run):
            if self.principal is None:
                raise CloseSocket(*UNAUTHENTICATED)
            raise CloseSocket(*(NOT_FOUND if grant.watches else NO_SCOPE))
        ids = log_ids(run.crew_id, run.organization_id)
        return Admission({streams.run(self.run_id)}, {"run_id": str(self.run_id), **ids})

    async def begin(self, positions: dict[str, log.Position]) -> dict[str, NewSocketStart]:
        return {
            stream: NewSocketStart(position.floor, []) for stream, position in positions.items()
        }

    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        if run is None:  # it was deleted
            raise CloseSocket(*NOT_FOUND)
        if not self._readable(grant, run):
            raise CloseSocket(CloseCode.ACCESS_REMOVED, "Access to this run was removed.")
        return {streams.run(self.run_id)}

    def _readable(self, grant: Grant, run: WatchedRun) -> bool:
        reports_it = grant.reports and run.reporter == self.principal
        return run.shared or run.crew_id in grant.crews or reports_it
