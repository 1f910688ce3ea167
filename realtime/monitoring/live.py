"""The figures once a second, collected once for all sockets of a process that show them."""

import asyncio
import logging
import time
from collections.abc import Collection
from contextvars import Context
from typing import Protocol
from weakref import WeakKeyDictionary

from django.utils import timezone

from realtime.delivery.threads import in_thread
from realtime.failures import log_failure
from realtime.monitoring.collecting import Collected, Collector
from realtime.monitoring.measured import WHOLE, percentiles, summed
from runs.events.encoding import iso_utc

INTERVAL_S = 1.0

Scope = frozenset[int] | None  # ids of organizations; None: everything

# The figures that are sent while the database does not answer.
UNKNOWN = {"database": False, "redis": None, "figures": None, "latency_ms": {}}

logger = logging.getLogger(__name__)


class Watcher(Protocol):
    def show(self, live: "Live") -> None:
        """Called once a second, with new figures."""

    def failed(self, error: BaseException) -> None:
        """Called with what `show` has raised."""


class Live:
    """Collects the figures while there are watchers. There is one for each event loop."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._collector = Collector()
        self._task: asyncio.Task[None] | None = None
        self._collected: Collected | None = None  # None: the database does not answer
        self._frames: dict[Scope, dict] = {}

    def add(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="live figures", context=Context())

    def discard(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    def figures(self, scope: Collection[int] | None) -> dict:
        """The figures of these organizations, made once for all who see the same."""
        key = None if scope is None else frozenset(scope)
        if key not in self._frames:
            self._frames[key] = self._made(key)
        return self._frames[key]

    def _made(self, scope: Scope) -> dict:
        collected = self._collected
        if collected is None:
            return UNKNOWN | {"timestamp": iso_utc(timezone.now())}
        measured = collected.of(None) if scope is None else summed(map(collected.of, scope))
        hidden = () if scope is None else WHOLE
        figures = {
            name: round(value, 3)
            for name, value in measured.items()
            if name != "latency" and name not in hidden
        }
        return {
            "timestamp": iso_utc(collected.at),
            "database": True,
            "redis": collected.without_redis == 0,
            "figures": figures,
            "latency_ms": percentiles(measured["latency"]),
        }

    async def _run(self) -> None:
        while self._watchers:
            began = time.monotonic()
            try:
                self._collected = await in_thread(self._collector.collect)
            except Exception as error:  # otherwise no watcher would get figures any more
                self._collected = None
                log_failure(logger, "The figures could not be collected", error)
            self._frames = {}
            for watcher in tuple(self._watchers):
                if watcher not in self._watchers:
                    continue
                try:
                    watcher.show(self)
                except Exception as error:  # the others get theirs
                    watcher.failed(error)
            await asyncio.sleep(max(INTERVAL_S - (time.monotonic() - began), INTERVAL_S / 2))


_live: WeakKeyDictionary[asyncio.AbstractEventLoop, Live] = WeakKeyDictionary()


def live() -> Live:
    """The one of the running event loop."""
    return _live.setdefault(asyncio.get_running_loop(), Live())
