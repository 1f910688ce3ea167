"""The counts of this process for the monitoring page, for each organization.

Hot code names only a stream, and `realtime.monitoring.process_reports` finds its organization
later, once for many counts. An organization may be given directly, as its id.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from realtime import latency

# Different counts that are kept between two reports. Beyond it a count goes only into the total.
KEYS = 20_000

# The parts of an event's way, in its order; ``publish`` and ``receive`` together (``hub``), and the
# whole way to the sockets (``delivery``).
HOPS = ("commit", "publish", "receive", "write", "render", "hub", "delivery")

Source = str | int | None  # a stream, the id of an organization, or unknown


class Counted(NamedTuple):
    """Counts and latencies since the last `Counts.drain`."""

    numbers: dict[tuple[str, Source], int]
    latencies: dict[tuple[str, Source], latency.Buckets]


class Counts:
    """Counts of one process. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: Counter[tuple[str, Source]] = Counter()
        self._latencies: defaultdict[tuple[str, Source], latency.Buckets] = defaultdict(dict)
        self._ingesting: Counter[int] = Counter()

    def add(self, name: str, source: Source, number: int = 1) -> None:
        with self._lock:
            key = (name, source)
            if key not in self._numbers and len(self._numbers) >= KEYS:
                key = (name, None)
            self._numbers[key] += number

    def observe(self, hop: str, source: Source, seconds: float) -> None:
        """Count the latency of one of `HOPS`."""
        with self._lock:
            key = (hop, source)
            if key not in self._latencies and len(self._latencies) >= KEYS:
                key = (hop, None)
            buckets, number = self._latencies[key], latency.bucket(seconds)
            buckets[number] = buckets.get(number, 0) + 1

    @contextmanager
    def ingest(self, organization_id: int) -> Iterator[None]:
        """Around the handling of one call with reports of an organization."""
        with self._lock:
            self._ingesting[organization_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._ingesting[organization_id] -= 1
                if not self._ingesting[organization_id]:
                    del self._ingesting[organization_id]

    def ingesting(self) -> dict[int, int]:
        """How many calls with reports are handled now, by organization."""
        with self._lock:
            return dict(self._ingesting)

    def drain(self) -> Counted:
        """Return the counts, and begin again at zero."""
        with self._lock:
            taken = Counted(dict(self._numbers), dict(self._latencies))
            self._numbers, self._latencies = Counter(), defaultdict(dict)
            return taken


counts = Counts()
