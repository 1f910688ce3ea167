"""The heartbeats of a process's sockets, from one timer."""

import asyncio
import logging
from collections import OrderedDict
from typing import Protocol

from django.conf import settings

logger = logging.getLogger(__name__)


class Beating(Protocol):
    def beat(self) -> None:
        """Send a heartbeat."""


class Heartbeat:
    """Has each socket of this event loop send a heartbeat every ``REALTIME_HEARTBEAT_S`` seconds.

    The interval is the same for all sockets. So a socket goes to the end of the queue after its
    heartbeat, and one timer waits for the first. A timer for each socket would cost 1.5 KB each.
    """

    def __init__(self) -> None:
        self._due: OrderedDict[Beating, float] = OrderedDict()  # loop time, soonest first
        self._timer: asyncio.TimerHandle | None = None

    def add(self, socket: Beating) -> None:
        self._due[socket] = self._next()
        if self._timer is None:
            self._wait()

    def discard(self, socket: Beating) -> None:
        self._due.pop(socket, None)

    def close(self) -> None:
        self._due.clear()
        if self._timer:
            self._timer.cancel()

    def _next(self) -> float:
        return asyncio.get_running_loop().time() + settings.REALTIME_HEARTBEAT_S

    def _wait(self) -> None:
        self._timer = None
        if first := next(iter(self._due), None):
            self._timer = asyncio.get_running_loop().call_at(self._due[first], self._beat)

    def _beat(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._due and self._due[socket := next(iter(self._due))] <= now:
            self._due[socket] = self._next()
            self._due.move_to_end(socket)
            try:
                socket.beat()
            except Exception:  # the other sockets get theirs
                logger.exception("A heartbeat could not be sent")
        self._wait()
