"""Metrics of delivery. The processes of a machine share files with the sums: see `crewops.metrics`.

An increment there costs two microseconds. So counts that change with every event are kept in
`tally` and added with each sweep.
"""

import collections
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from realtime.close_codes import CloseCode
from realtime.counting import HOPS, counts
from realtime.stream_kinds import STREAM_KINDS

LATENCIES_A_SWEEP = 50  # only the newest are observed, so many events cost no more
HEAD_CHARS = 100  # the beginning of an event, which contains its timestamp
STAMP = re.compile(r'"timestamp":"([^"]+)"')
# A client may close with any code. Only these get a label of their own.
KNOWN_CODES = {1000, 1001, 1005, 1006, 1009, 1011, 1012}

SOCKETS = Gauge(
    "crewops_sockets",
    "Sockets and event streams that are open.",
    ["kind"],
    multiprocess_mode="livesum",
)
SOCKETS_CLOSED = Counter(
    "crewops_sockets_closed",
    "Sockets and event streams that have closed, by close code.",
    ["kind", "code"],
)
EVENTS = Counter("crewops_events", "Events committed, by kind of stream.", ["kind"])
DELIVERIES = Counter(
    "crewops_deliveries", "Events written to sockets as they arrived, counted once for each socket."
)
LATENCY = Histogram(
    "crewops_delivery_seconds",
    f"From an event's timestamp to a process's sockets; at most {LATENCIES_A_SWEEP} a sweep.",
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
HEALED = Counter(
    "crewops_healed_events", "Events that did not come through Redis and were read from the log."
)
SWEEPS = Counter("crewops_sweeps", "Comparisons of a process's streams with the log.")
SWEEP_FAILURES = Counter("crewops_sweep_failures", "Sweeps that failed because of the database.")
CATCH_UP_PAGES = Counter(
    "crewops_catch_up_pages", "Pages of the log read for sockets that were behind."
)
RESETS = Counter("crewops_resets", "Sockets that got a reset.", ["reason"])
PUBLISH_FAILURES = Counter(
    "crewops_publish_failures",
    "Attempts to publish that Redis refused or did not answer. After one that it did not answer, "
    "publishing pauses for a second.",
)
PUBLISH_SKIPPED = Counter("crewops_publish_skipped", "Events not published during such a pause.")
SUBSCRIPTION_LOSSES = Counter(
    "crewops_subscription_losses", "Connections to Redis that a web process has lost."
)

UNREADABLE_MESSAGES = Counter(
    "crewops_unreadable_messages",
    "Messages on Redis that a web process could not read and dropped.",
)
FELL_BEHIND = Counter(
    "crewops_slow_sockets",
    "Times a socket took no more data, so that it went on from the log.",
)
HOP_LATENCY = Histogram(
    "crewops_hop_seconds",
    "How long the parts of an event's way take, in samples: commit, publish (until Redis has "
    "answered), receive (from then until a web process has it), write (to all sockets), render "
    "(reported by pages). hub is publish and receive together.",
    ["hop"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
INGESTED = Counter(
    "crewops_ingested_reports", "Reports that were accepted, by what sent them.", ["source"]
)


class Tally:
    """This process's deliveries since the last sweep."""

    def __init__(self) -> None:
        self._deliveries = 0
        self._by_stream: collections.Counter[str] = collections.Counter()
        self._newest: deque[tuple[float, str, str, float]] = deque(maxlen=LATENCIES_A_SWEEP)

    def delivered(self, stream: str, text: str, sockets: int, write_s: float) -> None:
        """Count an event that has just been written to that many sockets, in ``write_s``."""
        if sockets:
            self._deliveries += sockets
            self._by_stream[stream] += sockets
            self._newest.append((time.time(), text[:HEAD_CHARS], stream, write_s))

    def flush(self) -> None:
        DELIVERIES.inc(self._deliveries)
        self._deliveries = 0
        for stream, number in self._by_stream.items():
            counts.add("deliveries", stream, number)
        self._by_stream.clear()
        while self._newest:
            at, head, stream, write_s = self._newest.popleft()
            observe_hop("write", stream, write_s)
            if (age := age_of(head, at)) is not None:
                LATENCY.observe(age)
                counts.observe("delivery", stream, age)


tally = Tally()


def age_of(text: str, at: float) -> float | None:
    """Seconds from the timestamp of an event until ``at``; 0 if its clock is ahead."""
    if stamp := STAMP.search(text[:HEAD_CHARS]):
        return max(0.0, at - datetime.fromisoformat(stamp[1]).timestamp())
    return None


def observe_hop(hop: str, stream: str, seconds: float) -> None:
    HOP_LATENCY.labels(hop).observe(seconds)
    counts.observe(hop, stream, seconds)


@contextmanager
def ingesting(organization_id: int, source: str) -> Iterator[Callable[[int], None]]:
    """Around the handling of a call with reports. Call the result with the number accepted."""

    def accepted(number: int) -> None:
        INGESTED.labels(source).inc(number)
        counts.add("ingest", organization_id, number)

    with counts.ingest(organization_id):
        yield accepted


def code_label(code: int | None) -> str:
    """The close code as a label. Codes that only clients choose share the label ``other``."""
    known = code in KNOWN_CODES or (code is not None and 4400 <= code <= 4500)
    return str(code) if known else "other"


def known_labels() -> dict[MetricWrapperBase, list[tuple[str, ...]]]:
    """All possible labels, so that each has a series from the beginning."""
    other = ("live", "agui_run", "metrics", "unknown")
    kinds = (*STREAM_KINDS, *(f"sse_{stream}" for stream in STREAM_KINDS), *other)
    codes = [*sorted(KNOWN_CODES), *(code for code in CloseCode if code >= CloseCode.MALFORMED)]
    labels = [*(code_label(int(code)) for code in codes), code_label(None)]
    return {
        SOCKETS: [(kind,) for kind in kinds],
        SOCKETS_CLOSED: [(kind, label) for kind in kinds for label in labels],
        EVENTS: [(stream,) for stream in STREAM_KINDS],
        HOP_LATENCY: [(hop,) for hop in HOPS if hop != "delivery"],
        INGESTED: [(source,) for source in ("report", "traces", "claude_code")],
        RESETS: [(reason,) for reason in ("epoch_changed", "pruned", "ahead")],
    }
