from realtime.delivery.access_check import WatchedRun
from realtime.delivery.grants import Grant
from realtime.sockets.close_socket import NOT_FOUND, CloseSocket
from realtime.sockets.consumer import Admission, SocketConsumer


class UnknownConsumer(SocketConsumer):
    """Any other path: refused like a record that does not exist."""

    kind = "unknown"

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        raise CloseSocket(*NOT_FOUND)

    async def open(self, admission: Admission) -> None:
        """Never called: `admit` refuses every client."""

    def heads(self) -> dict[str, int]:
        return {}

    def stop(self) -> None:
        """There is nothing to stop."""

    async def leave(self) -> None:
        """There is nothing to leave."""
