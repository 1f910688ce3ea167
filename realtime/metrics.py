"""What delivery counts. Files that the processes of a machine share hold the sums: see `crewops.metrics`.

Counting there costs two microseconds, so what happens for every event is kept in `tally` and handed on
with each sweep.
"""

import re
import time
from collections import deque
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from realtime.close_codes import CloseCode

LATENCIES_A_SWEEP = 50  # the newest ones are observed, so a flood of events costs no more
HEAD_CHARS = 100  # of an event, with its timestamp
STAMP = re.compile(r'"timestamp":"([^"]+)"')
# A client closes with any code it likes; only these are told apart.
KNOWN_CODES = {1000, 1001, 1005, 1006, 1009, 1011, 1012}

SOCKETS = Gauge("crewops_sockets", "Sockets that are open.", ["kind"], multiprocess_mode="livesum")
SOCKETS_CLOSED = Counter(
    "crewops_sockets_closed", "Sockets that have closed, by close code.", ["kind", "code"]
)
EVENTS = Counter("crewops_events", "Events committed, by kind of stream.", ["kind"])
DELIVERIES = Counter(
    "crewops_deliveries", "Events written to sockets as they came, for each socket."
)
LATENCY = Histogram(
    "crewops_delivery_seconds",
    f"From an event's timestamp to the sockets of a process; of {LATENCIES_A_SWEEP} a sweep at most.",
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
HEALED = Counter("crewops_healed_events", "Events that Redis did not bring, read from the log.")
SWEEPS = Counter("crewops_sweeps", "Comparisons of a process's streams with the log.")
SWEEP_FAILURES = Counter("crewops_sweep_failures", "Sweeps that the database did not answer.")
CATCH_UP_PAGES = Counter(
    "crewops_catch_up_pages", "Pages of the log read for sockets that were behind."
)
RESETS = Counter("crewops_resets", "Sockets that had to start afresh.", ["reason"])
PUBLISH_FAILURES = Counter(
    "crewops_publish_failures",
    "Times that Redis took no event; publishing then rests for a second.",
)
PUBLISH_SKIPPED = Counter("crewops_publish_skipped", "Events not published while that rests.")
SUBSCRIPTION_LOSSES = Counter(
    "crewops_subscription_losses", "Connections to Redis that a web process has lost."
)

UNREADABLE_MESSAGES = Counter(
    "crewops_unreadable_messages", "Messages on Redis that a web process could not use and dropped."
)


class Tally:
    """This process's deliveries since the last sweep."""

    def __init__(self) -> None:
        self._deliveries = 0
        self._newest: deque[tuple[float, str]] = deque(maxlen=LATENCIES_A_SWEEP)

    def delivered(self, text: str, sockets: int) -> None:
        """The event has just been written to that many sockets."""
        if sockets:
            self._deliveries += sockets
            self._newest.append((time.time(), text[:HEAD_CHARS]))

    def hand_on(self) -> None:
        DELIVERIES.inc(self._deliveries)
        self._deliveries = 0
        while self._newest:
            at, head = self._newest.popleft()
            if stamp := STAMP.search(head):
                # The clocks of two machines may disagree.
                LATENCY.observe(max(0.0, at - datetime.fromisoformat(stamp[1]).timestamp()))


tally = Tally()


def code_label(code: int | None) -> str:
    """The close code as a label; those that only a client can have chosen are one."""
    known = code in KNOWN_CODES or (code is not None and 4400 <= code <= 4500)
    return str(code) if known else "other"


def known_labels() -> dict[MetricWrapperBase, list[tuple[str, ...]]]:
    """The labels that are known beforehand."""
    kinds = ("run", "graph", "mission", "unknown")
    codes = [*sorted(KNOWN_CODES), *(code for code in CloseCode if code >= CloseCode.MALFORMED)]
    labels = [*(code_label(int(code)) for code in codes), code_label(None)]
    return {
        SOCKETS: [(kind,) for kind in kinds],
        SOCKETS_CLOSED: [(kind, label) for kind in kinds for label in labels],
        EVENTS: [(kind,) for kind in kinds if kind != "unknown"],
        RESETS: [(reason,) for reason in ("epoch_changed", "pruned", "ahead")],
    }
