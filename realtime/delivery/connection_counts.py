"""How many sockets each user and each address has open, in this process and in the others.

Each process publishes its counts on Redis once a second and uses the last counts that it received
from the others. So opening a socket waits for no other process, and the sum may be a second old.
The counts of a process that has died expire within seconds. Without Redis each process counts only
its own sockets.
"""

import asyncio
import json
import resource
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from django.conf import settings

from realtime.delivery.ticks import tick

PUBLISH_EVERY_S = 1.0
EXPIRE_AFTER_S = 2.5  # counts of a process that sends no more
RESERVED_FILES = 64  # file descriptors of this process that are not sockets


@dataclass(slots=True)
class PeerCounts:
    """The counts of another process, as received, and the loop time at which they expire."""

    text: bytes
    counts: dict[str, int]
    until: float


class ConnectionCounts:
    """The sockets of one process. A holder is any text: ``user 7``, ``address 192.0.2.1``.

    ``publish`` sends a text to all processes, where ``receive`` is called with it.
    """

    def __init__(self, name: str, publish: Callable[[bytes], Awaitable[None]]) -> None:
        self._name = name
        self._publish = publish
        self._sockets = 0
        self._own: Counter[str] = Counter()
        self._others: dict[str, PeerCounts] = {}
        self._text = b""  # ``_own`` as it is published; empty after a change
        self._none_left = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def sockets(self) -> int:
        """The sockets of this process that are open."""
        return self._sockets

    def acquire_of_process(self) -> bool:
        """Count a socket of this process. ``False`` if the process has reached its limit."""
        if self._sockets >= process_limit():
            return False
        self._sockets += 1
        return True

    def release_of_process(self) -> None:
        self._sockets -= 1

    def acquire(self, holder: str, limit: int) -> bool:
        """Count a socket of ``holder``. ``False`` if it has ``limit`` of them already."""
        if self.held(holder) >= limit:
            return False
        self._own[holder] += 1
        self._text = b""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_publishing(), name="connection counts")
        return True

    def release(self, holder: str) -> None:
        self._own[holder] -= 1
        self._text = b""
        if not self._own[holder]:
            del self._own[holder]
        if not self._own:
            self._none_left.set()

    def held(self, holder: str) -> int:
        now = asyncio.get_running_loop().time()
        others = (peer.counts.get(holder, 0) for peer in self._others.values() if peer.until > now)
        return self._own[holder] + sum(others)

    def receive(self, text: bytes) -> None:
        """Take the counts that a process has published, perhaps this one."""
        now = asyncio.get_running_loop().time()
        for peer in self._others.values():
            if peer.text == text:
                peer.until = now + EXPIRE_AFTER_S
                return
        process, counts = _parsed(text)
        if process != self._name:
            self._others[process] = PeerCounts(text, counts, now + EXPIRE_AFTER_S)
            self._others = {n: peer for n, peer in self._others.items() if peer.until > now}

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_publishing(self) -> None:
        """Publish until there are no sockets; the last message says that there are none."""
        while True:
            self._none_left.clear()
            if not self._text:
                self._text = json.dumps({"process": self._name, "places": self._own}).encode()
            await self._publish(self._text)
            if self._text and not self._own:
                return
            await tick(PUBLISH_EVERY_S, self._none_left)


def _parsed(text: bytes) -> tuple[str, dict[str, int]]:
    """The process that published ``text``, and its counts. Raises ``ValueError``."""
    match json.loads(text):
        case {"process": str(process), "places": dict(counts)} if all(
            type(count) is int for count in counts.values()
        ):
            return process, counts
    raise ValueError("not a process and its counts")


def process_limit() -> int:
    """How many sockets this process accepts: the setting, or fewer if it may open fewer files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return settings.SOCKETS_PER_PROCESS
    return max(min(settings.SOCKETS_PER_PROCESS, files - RESERVED_FILES), 1)
