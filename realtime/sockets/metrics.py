from typing import Any
from urllib.parse import parse_qs

from msgspec import UNSET

from crews.models import Organization
from realtime import log
from realtime.close_codes import CloseCode
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant
from realtime.delivery.threads import in_thread
from realtime.monitoring.live import Live, live
from realtime.sockets.base import StreamConsumer
from realtime.sockets.close_socket import NOT_FOUND, UNAUTHENTICATED, CloseSocket
from realtime.sockets.consumer import Admission, SocketConsumer
from realtime.sockets.frames import Metrics
from realtime.sockets.start_position import NewSocketStart

NO_ADMIN = "Only admins of an organization see its figures."
NO_KEYS = "API keys do not read figures. Use the access token of an admin."


class MetricsConsumer(StreamConsumer):
    """``/ws/metrics``, ``/ws/metrics?organization={slug}``: the figures of the monitoring page.

    Without an organization: the figures of everything for a user who may see everything, else of
    all organizations where the user is an admin. Figures are in no stream of the log.
    """

    kind = "metrics"
    _scope: frozenset[int] | None = frozenset()  # None: everything
    _asked = False  # whether an organization was asked for
    _organization: int | None = None  # its id, if it exists

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        if self.principal is None:
            raise CloseSocket(*UNAUTHENTICATED)
        if self.user_id is None:
            raise CloseSocket(CloseCode.ACCESS_REMOVED, NO_KEYS)
        self._scope = self._allowed(grant)
        self._grant = grant
        return Admission(set())

    async def open(self, admission: Admission) -> None:
        if slug := self._asked_for():
            self._asked, self._organization = True, await in_thread(_organization_id, slug)
            self._scope = self._allowed(self._grant)
        await super().open(admission)
        if not self.closed:
            live().add(self)

    async def begin(self, positions: dict[str, log.Position]) -> dict[str, NewSocketStart]:
        return {}

    def show(self, figures: Live) -> None:
        # A socket that is full misses a second.
        shown = figures.figures(self._scope)
        self.send_or_drop(Metrics(**shown, stream=self.empty or UNSET))

    def rendered(self, frame: dict[str, Any]) -> None:
        SocketConsumer.rendered(self, frame)

    def stop(self) -> None:
        live().discard(self)
        super().stop()

    def allowed(self, grant: Grant, run: WatchedRun | None) -> set[str]:
        self._scope = self._allowed(grant)
        return set()

    def _asked_for(self) -> str:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        kwargs = self.scope["url_route"]["kwargs"]
        return kwargs.get("organization") or query.get("organization", [""])[0]

    def _allowed(self, grant: Grant) -> frozenset[int] | None:
        if not grant.everywhere and not grant.administers:
            raise CloseSocket(CloseCode.ACCESS_REMOVED, NO_ADMIN)
        if not self._asked:
            return None if grant.everywhere else grant.administers
        asked = self._organization
        if asked is None or not (grant.everywhere or asked in grant.administers):
            raise CloseSocket(*NOT_FOUND)  # the same whether it exists or not
        return frozenset({asked})


def _organization_id(slug: str) -> int | None:
    found = Organization.objects.unscoped().not_deleted().filter(slug=slug)
    return found.values_list("pk", flat=True).first()
