"""Writes this web process's counts to the database, where others add them up.

Every two seconds if something has changed, else every ten. The database and not Redis, so the
figures are complete while Redis is away.
"""

import asyncio
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from contextvars import Context
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django.db import Error as DatabaseError
from django.db.models.functions import Now

from realtime.counting import Counted, Counts, counts
from realtime.delivery.node import Node, Sockets
from realtime.delivery.threads import in_thread
from realtime.delivery.ticks import tick
from realtime.failures import log_failure
from realtime.latency import added
from realtime.models import ProcessReport
from realtime.monitoring.owners import Owners

REPORT_S = 2.0
ALIVE_REPORT_S = 10.0  # between two reports without news, and between two of the totals
ORGANIZATIONS = 1_000  # in the totals of one process; further ones are only in ``all``
EVERYTHING = "all"

logger = logging.getLogger(__name__)

Part = dict[str, Any]  # {"numbers": {name: n}, "gauges": {name: n}, "latency": {hop: buckets}}


class ProcessReportWriter:
    """The reports of one process."""

    def __init__(self, source: Counts = counts) -> None:
        self.name = secrets.token_hex(8)
        self._began = self._counted_at = time.time()
        self._source = source
        self._owners = Owners()
        self._totals: dict[str, Part] = {}
        self._totals_at = float("-inf")
        self._written: dict[str, Part] | None = None
        self._written_at = float("-inf")

    async def run(self) -> None:
        while True:
            await tick(REPORT_S)
            try:
                await in_thread(self.report, *_sockets())
            except Exception as error:
                log_failure(logger, "The figures of this process could not be written", error)

    def report(self, sockets: Sockets = Sockets(), has_redis: bool | None = None) -> None:  # noqa: B008
        """Write the counts since the last report, unless there is nothing new.

        Raises ``DatabaseError``; then the counts are part of the next report.
        """
        taken, now = self._source.drain(), time.time()
        try:
            recent = self._by_organization(taken, sockets)
        except DatabaseError:
            for (name, source), number in taken.numbers.items():
                self._source.add(name, source, number)
            raise
        _add(self._totals, recent)
        recent_s, self._counted_at = now - self._counted_at, now
        if recent == self._written and now - self._written_at < ALIVE_REPORT_S:
            return
        values: dict[str, Any] = {
            "reported_at": Now(), "began": self._began, "at": now, "recent_s": recent_s,
            "recent": recent, "has_redis": has_redis,
        }  # fmt: skip
        totals_too = now - self._totals_at >= ALIVE_REPORT_S
        if totals_too:
            values |= {"totals_at": now, "totals": self._totals}
        rows = ProcessReport.objects.filter(pk=self.name)
        if not rows.update(**values):
            first = {"totals_at": now, "totals": self._totals}
            ProcessReport.objects.create(name=self.name, **values | first)
        self._written, self._written_at = recent, now
        if totals_too:
            self._totals_at = now

    def _by_organization(self, taken: Counted, sockets: Sockets) -> dict[str, Part]:
        sources = {s for _, s in (*taken.numbers, *taken.latencies) if isinstance(s, str)}
        owners = self._owners.of(sources | sockets.by_stream.keys())

        def keys(source: str | int | None) -> list[str]:
            owner = owners.get(source) if isinstance(source, str) else source
            return [EVERYTHING] if owner is None else [EVERYTHING, str(owner)]

        found: dict[str, Part] = defaultdict(_part)
        for (name, source), number in taken.numbers.items():
            for key in keys(source):
                numbers = found[key]["numbers"]
                numbers[name] = numbers.get(name, 0) + number
        for (hop, source), buckets in taken.latencies.items():
            for key in keys(source):
                latency = found[key]["latency"]
                latency[hop] = added([latency.get(hop, {}), buckets])
        _count_sockets(found, sockets, keys)
        ingesting = self._source.ingesting()
        for organization, number in ingesting.items():
            for key in keys(organization):
                gauges = found[key]["gauges"]
                gauges["ingesting"] = gauges.get("ingesting", 0) + number
        return dict(found)


def _count_sockets(
    found: dict[str, Part], sockets: Sockets, keys: Callable[[str], list[str]]
) -> None:
    """A socket counts once for each organization whose streams it follows."""
    connections: dict[str, set[int]] = defaultdict(set)
    for stream, (of_stream, behind) in sockets.by_stream.items():
        for key in keys(stream):
            connections[key] |= of_stream
            if behind:
                gauges = found[key]["gauges"]
                gauges["behind"] = gauges.get("behind", 0) + behind
    for key, of_organization in connections.items():
        found[key]["gauges"]["sockets"] = len(of_organization)
    if sockets.open:
        found[EVERYTHING]["gauges"]["sockets"] = sockets.open


def _part() -> Part:
    return {"numbers": {}, "gauges": {}, "latency": {}}


def _add(totals: dict[str, Part], recent: dict[str, Part]) -> None:
    for key, part in recent.items():
        if key not in totals and len(totals) > ORGANIZATIONS:
            continue
        total = totals.setdefault(key, {"numbers": {}, "latency": {}})
        for name, number in part["numbers"].items():
            total["numbers"][name] = total["numbers"].get(name, 0) + number
        for hop, buckets in part["latency"].items():
            total["latency"][hop] = added([total["latency"].get(hop, {}), buckets])


def _sockets() -> tuple[Sockets, bool | None]:
    """The sockets of this event loop, and whether it receives from Redis."""
    node: Node | None = get_channel_layer().node_in_use
    return (Sockets(), None) if node is None else (node.sockets(), node.has_redis)


_tasks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task] = WeakKeyDictionary()


def ensure() -> None:
    """Report what this process counts, from now on as long as its event loop runs."""
    loop = asyncio.get_running_loop()
    if loop not in _tasks:
        _tasks[loop] = loop.create_task(
            ProcessReportWriter().run(), name="figures", context=Context()
        )


class WithProcessReports:
    """An ASGI application whose process reports what it counts."""

    def __init__(self, application: Callable) -> None:
        self._application = application

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        ensure()
        await self._application(scope, receive, send)
