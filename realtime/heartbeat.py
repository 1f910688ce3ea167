"""The heartbeats of a process's sockets, from one timer."""

import asyncio
from collections import OrderedDict
from typing import Protocol

from django.conf import settings


class Beating(Protocol):
    def beat(self) -> None:
        """Say that the connection lives."""


class Heartbeat:
    """Lets each of the sockets of this event loop beat every ``REALTIME_HEARTBEAT_S`` seconds.

    The interval is the same for all, so who has just beaten is last in line and the first in line is
    who is waited for: a timer of its own would cost each socket 1.5 KB.
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
            socket.beat()
        self._wait()
