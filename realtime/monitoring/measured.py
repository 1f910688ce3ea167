"""The figures of one organization, or of everything, as a plain object that is JSON.

``{name: number}`` for `RATES` (per second) and the gauges, and ``latency``: buckets of each hop.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from realtime import latency
from realtime.counting import HOPS

# Counts of web processes, per second. ``events`` come from the log.
COUNTED = ("deliveries", "healed", "fell_behind", "too_slow", "ingest")
RATES = ("events", *COUNTED)
# Web processes report the first three, the database knows the others. ``queued`` runs wait for a
# worker. ``held`` ones are paused in the queue, by a person or a budget. ``queue_s``: seconds.
SUMS = ("sockets", "behind", "ingesting", "queued", "held", "running", "slots_used")
HIGHEST = ("queue_s",)
# Figures of the deployment, which only users who may see everything get.
WHOLE = ("slots", "workers", "processes")

Measured = dict[str, Any]


def empty() -> Measured:
    return dict.fromkeys((*RATES, *SUMS, *HIGHEST), 0) | {"latency": {}}


def summed(parts: Iterable[Measured]) -> Measured:
    """The figures of several organizations as those of one."""
    total = empty()
    latencies: list[Mapping[str, latency.Buckets]] = []
    for part in parts:
        for name in (*RATES, *SUMS):
            total[name] += part.get(name, 0)
        for name in HIGHEST:
            total[name] = max(total[name], part.get(name, 0))
        latencies.append(part.get("latency", {}))
    total["latency"] = merged(latencies)
    return total


def average(parts: Iterable[Measured], over: int) -> Measured:
    """Figures of ``over`` successive times as those of one. Times without figures count as 0.

    Rates and numbers are averaged. Of waits and delays the highest counts, so that no peak is lost.
    """
    found = list(parts)
    total = summed(found)
    for name in (*RATES, *SUMS, *WHOLE):
        values = [part.get(name, 0) for part in found]
        if name in WHOLE and not any(name in part for part in found):
            continue
        total[name] = round(sum(values) / over, 3)
    for name in ("queued", "held", "behind", "ingesting"):
        total[name] = max((part.get(name, 0) for part in found), default=0)
    return total


def merged(latencies: Iterable[Mapping[str, latency.Buckets]]) -> dict[str, latency.Buckets]:
    every = list(latencies)
    hops = {hop: latency.added(part.get(hop, {}) for part in every) for hop in HOPS}
    return {hop: buckets for hop, buckets in hops.items() if buckets}


def percentiles(latencies: Mapping[str, latency.Buckets]) -> dict[str, dict[str, float | int]]:
    """``{hop: {"p50": ms, "p95": ms, "count": observations}}`` of the hops that have any."""
    return {
        hop: {
            "p50": _ms(latency.quantile(buckets, 0.5)),
            "p95": _ms(latency.quantile(buckets, 0.95)),
            "count": sum(buckets.values()),
        }
        for hop, buckets in latencies.items()
        if hop in HOPS and buckets
    }


def _ms(seconds: float | None) -> float:
    return round((seconds or 0) * 1000, 2)
