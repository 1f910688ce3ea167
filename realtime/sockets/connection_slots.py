"""The connections that one socket counts as: of its address, of its user or key, of the process."""

from realtime import metrics
from realtime.delivery.connection_counts import ConnectionCounts
from realtime.sockets.close_socket import CloseTooMany


class ConnectionSlots:
    """The slots of one socket of this ``kind``, until they are released."""

    def __init__(self, counts: ConnectionCounts, kind: str) -> None:
        self._counts = counts
        self._kind = kind
        self._holders: list[str] = []
        self._has_process_slot = False

    def acquire(self, kind: str, holder: str, limit: int) -> None:
        """Take one of the ``limit`` slots of ``holder``. Raises ``CloseTooMany``."""
        if not self._counts.acquire(f"{kind} {holder}", limit):
            raise CloseTooMany(
                "too_many_connections",
                f"This {kind} has {limit} sockets open. Close some of them first.",
            )
        self._holders.append(f"{kind} {holder}")

    def acquire_of_process(self) -> None:
        """Take one of the slots of this process. Raises ``CloseTooMany``."""
        self._has_process_slot = self._counts.acquire_of_process()
        if not self._has_process_slot:
            raise CloseTooMany("too_many_connections", "This server is full. Try again later.")
        metrics.SOCKETS.labels(self._kind).inc()

    def release(self) -> None:
        for holder in self._holders:
            self._counts.release(holder)
        if self._has_process_slot:
            self._counts.release_of_process()
            metrics.SOCKETS.labels(self._kind).dec()
