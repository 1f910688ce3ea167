"""Latencies as counts in buckets, so that those of several processes and times can be added."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping

LONGEST_S = 60.0  # a longer latency counts as this one
GROWTH = 1.5  # of each bound over the one before: a percentile is right within half of that
FIRST_S = 0.0005


def _bounds() -> list[float]:
    bounds = [FIRST_S]
    while bounds[-1] < LONGEST_S:
        bounds.append(min(bounds[-1] * GROWTH, LONGEST_S))
    return bounds


BOUNDS_S = _bounds()  # upper bounds of the buckets, in seconds

Buckets = dict[str, int]  # number of a bucket, as text because it is a JSON key: its count


def bucket(seconds: float) -> str:
    return str(bisect_left(BOUNDS_S, min(max(seconds, 0.0), LONGEST_S)))


def added(parts: Iterable[Mapping[str, int]]) -> Buckets:
    total: Buckets = {}
    for part in parts:
        for key, number in part.items():
            total[key] = total.get(key, 0) + number
    return total


def quantile(buckets: Mapping[str, int], share: float) -> float | None:
    """The latency in seconds that ``share`` of the observations do not exceed, or ``None``."""
    total = sum(buckets.values())
    if not total:
        return None
    wanted, passed = share * total, 0
    for number in sorted(map(int, buckets)):
        count = buckets[str(number)]
        if passed + count >= wanted:
            low = BOUNDS_S[number - 1] if number else 0.0
            return low + (BOUNDS_S[number] - low) * (wanted - passed) / count
        passed += count
    return LONGEST_S
