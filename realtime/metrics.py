"""Metrics of delivery. The processes of a machine share files with the sums: see `crewops.metrics`.

An increment there costs two microseconds. So counts that change with every event are kept in
`tally` and added with each sweep.
"""

import re
import time
from collections import deque
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from realtime.close_codes import CloseCode

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
    "Failed attempts to publish. Publishing then pauses for a second.",
)
PUBLISH_SKIPPED = Counter("crewops_publish_skipped", "Events not published during such a pause.")
SUBSCRIPTION_LOSSES = Counter(
    "crewops_subscription_losses", "Connections to Redis that a web process has lost."
)

UNREADABLE_MESSAGES = Counter(
    "crewops_unreadable_messages",
    "Messages on Redis that a web process could not read and dropped.",
)


class Tally:
    """This process's deliveries since the last sweep."""

    def __init__(self) -> None:
        self._deliveries = 0
        self._newest: deque[tuple[float, str]] = deque(maxlen=LATENCIES_A_SWEEP)

    def delivered(self, text: str, sockets: int) -> None:
        """Count an event that has just been written to that many sockets."""
        if sockets:
            self._deliveries += sockets
            self._newest.append((time.time(), text[:HEAD_CHARS]))

    def hand_on(self) -> None:
        DELIVERIES.inc(self._deliveries)
        self._deliveries = 0
        while self._newest:
            at, head = self._newest.popleft()
            if stamp := STAMP.search(head):
                # The clocks of two machines may differ.
                LATENCY.observe(max(0.0, at - datetime.fromisoformat(stamp[1]).timestamp()))


tally = Tally()


def code_label(code: int | None) -> str:
    """The close code as a label. Codes that only clients choose share the label ``other``."""
    known = code in KNOWN_CODES or (code is not None and 4400 <= code <= 4500)
    return str(code) if known else "other"


def known_labels() -> dict[MetricWrapperBase, list[tuple[str, ...]]]:
    """All possible labels, so that each has a series from the beginning."""
    streams = ("run", "graph", "mission")
    kinds = (*streams, *(f"sse_{stream}" for stream in streams), "unknown")
    codes = [*sorted(KNOWN_CODES), *(code for code in CloseCode if code >= CloseCode.MALFORMED)]
    labels = [*(code_label(int(code)) for code in codes), code_label(None)]
    return {
        SOCKETS: [(kind,) for kind in kinds],
        SOCKETS_CLOSED: [(kind, label) for kind in kinds for label in labels],
        EVENTS: [(stream,) for stream in streams],
        RESETS: [(reason,) for reason in ("epoch_changed", "pruned", "ahead")],
    }
