from urllib.parse import parse_qs

from crews.models import Organization
from realtime.close_codes import CloseCode
from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant
from realtime.delivery.threads import in_thread
from realtime.monitoring.live import Live, live
from realtime.sockets.close_socket import NOT_FOUND, UNAUTHENTICATED, CloseSocket
from realtime.sockets.consumer import Admission, SocketConsumer
from realtime.sockets.frames import Metrics
from realtime.sockets.hello import hello

NO_ADMIN = "Only admins of an organization see its figures."
NO_KEYS = "API keys do not read figures. Use the access token of an admin."


class MetricsConsumer(SocketConsumer):
    """``/ws/metrics``, ``/ws/metrics?organization={slug}``: the figures of the monitoring page.

    Without an organization: the figures of everything for a user who may see everything, else of
    all organizations where the user is an admin.
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
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        if slug := query.get("organization", [""])[0]:
            self._asked, self._organization = True, await in_thread(_organization_id, slug)
            self._scope = self._allowed(self._grant)
        await self.say(hello(stream=None, epoch=None, head=0))
        if not self.closed:
            self.node.access.add(self)
            live().add(self)

    def heads(self) -> dict[str, int]:
        return {}

    def show(self, figures: Live) -> None:
        # A socket that is full misses a second.
        self.send_or_drop(Metrics(**figures.figures(self._scope)))

    def stop(self) -> None:
        live().discard(self)
        self.node.access.discard(self)

    async def leave(self) -> None:
        """There is no group to leave."""

    def access_checked(self, grant: Grant, run: WatchedRun | None, *, signed_out: bool) -> None:
        """Apply the current grant of the user. Called once a second."""
        try:
            if signed_out or not grant.active or grant.credential != self.credential:
                raise CloseSocket(*UNAUTHENTICATED)
            self._scope = self._allowed(grant)
        except CloseSocket as error:
            self.failed(error)

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
