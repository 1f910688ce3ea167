"""How many sockets each user and each address holds, in this process and in the others.

Each process tells the others once a second, on Redis, and believes what it heard last. So opening
a socket waits for nobody; the processes together may be a second behind; a process that dies is
forgotten in seconds; and without Redis each process counts its own.
"""

import asyncio
import json
import resource
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings

TELL_S = 1.0
BELIEVED_S = 2.5  # without another word
RESERVED_FILES = 64  # descriptors of this process that are no sockets


@dataclass(slots=True)
class Heard:
    """What another process told, as it came, and until when (loop time) it is believed."""

    text: bytes
    places: dict[str, int]
    until: float


class Places:
    """The places of one process. A holder is any text: ``user 7``, ``address 192.0.2.1``.

    ``tell`` takes a text to the other processes, where ``heard`` is called with it.
    """

    def __init__(self, name: str, tell: Callable[[bytes], Awaitable[None]]) -> None:
        self._name = name
        self._tell = tell
        self._sockets = 0
        self._own: Counter[str] = Counter()
        self._others: dict[str, Heard] = {}
        self._text = b""  # what is told of ``_own``; empty when that has changed
        self._all_left = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def enter(self) -> bool:
        """Count a socket of this process; ``False`` where it has as many as it can serve."""
        if self._sockets >= most():
            return False
        self._sockets += 1
        return True

    def leave(self) -> None:
        self._sockets -= 1

    def take(self, holder: str, limit: int) -> bool:
        """Count a socket of ``holder``; ``False`` where it has ``limit`` of them."""
        if self.held(holder) >= limit:
            return False
        self._own[holder] += 1
        self._text = b""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_telling(), name="places")
        return True

    def give_back(self, holder: str) -> None:
        self._own[holder] -= 1
        self._text = b""
        if not self._own[holder]:
            del self._own[holder]
        if not self._own:
            self._all_left.set()

    def held(self, holder: str) -> int:
        now = asyncio.get_running_loop().time()
        others = (
            heard.places.get(holder, 0) for heard in self._others.values() if heard.until > now
        )
        return self._own[holder] + sum(others)

    def heard(self, text: bytes) -> None:
        """Take in what a process tells, this one included."""
        now = asyncio.get_running_loop().time()
        for heard in self._others.values():
            if heard.text == text:
                heard.until = now + BELIEVED_S
                return
        process, places = _parsed(text)
        if process != self._name:
            self._others[process] = Heard(text, places, now + BELIEVED_S)
            self._others = {n: heard for n, heard in self._others.items() if heard.until > now}

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_telling(self) -> None:
        """Until there is nothing to tell, which is told too."""
        while True:
            self._all_left.clear()
            if not self._text:
                self._text = json.dumps({"process": self._name, "places": self._own}).encode()
            await self._tell(self._text)
            if self._text and not self._own:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(TELL_S):
                    await self._all_left.wait()


def _parsed(text: bytes) -> tuple[str, dict[str, int]]:
    """The name of the process that sent this, and its counts. Raises ``ValueError`` for anything else."""
    match json.loads(text):
        case {"process": str(process), "places": dict(places)} if all(
            type(count) is int for count in places.values()
        ):
            return process, places
    raise ValueError("not a process and its counts")


def most() -> int:
    """How many sockets a process takes: the setting, or fewer where it may open fewer files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return settings.SOCKETS_PER_PROCESS
    return max(min(settings.SOCKETS_PER_PROCESS, files - RESERVED_FILES), 1)
