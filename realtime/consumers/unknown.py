from realtime.access import Grant, WatchedRun
from realtime.consumers.refusal import NOT_FOUND, Refusal
from realtime.consumers.socket import Admission, SocketConsumer


class UnknownConsumer(SocketConsumer):
    """Any other path: refused like a record that is not there."""

    kind = "unknown"

    def admit(self, grant: Grant, run: WatchedRun | None) -> Admission:
        raise Refusal(*NOT_FOUND)

    async def open(self, admission: Admission) -> None:
        """Nobody is admitted."""

    def heads(self) -> dict[str, int]:
        return {}

    def stop(self) -> None:
        """There is nothing to stop."""

    async def leave(self) -> None:
        """There is nothing to leave."""
