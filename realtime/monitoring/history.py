"""The first data of the charts: the samples of the last hour or day."""

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.utils import timezone

from realtime.counting import HOPS
from realtime.models import MetricSample
from realtime.monitoring.measured import (
    HIGHEST,
    RATES,
    SUMS,
    WHOLE,
    Measured,
    percentiles,
    summed,
)
from realtime.monitoring.samples import LONG_S, SHORT_S

SPANS = {"hour": (SHORT_S, 3600), "day": (LONG_S, 24 * 3600)}  # seconds of a sample and of all


def history(user: Any, organizations: Collection[int] | None, span: str) -> dict[str, Any]:
    """The samples of a `SPANS` as columns: ``at`` in seconds since the epoch, each figure, and for
    each hop its percentiles in ms. ``null``: there is no sample of that time.

    ``organizations``: ids of some that ``user`` manages. ``None``: everything, for a user who
    may see everything.
    """
    step, length = SPANS[span]
    last = int(timezone.now().timestamp() // step * step)
    grid = range(last - length, last, step)
    start = timezone.now() - timedelta(seconds=length + step)
    samples = MetricSample.objects.managed_by(user).filter(seconds=step, at__gte=start).order_by()
    if organizations is None:
        rows = samples.filter(organization=None).values_list("at", "figures")
    else:
        rows = samples.filter(organization__in=organizations).values_list("at", "figures")
    found: defaultdict[int, list[Measured]] = defaultdict(list)
    for at, figures in rows:
        found[int(at.timestamp())].append(figures)
    times = found.keys()
    if organizations is not None:
        # When samples were kept at all, which says nothing about others.
        every = MetricSample.objects.unscoped().filter(seconds=step, at__gte=start)
        kept = every.filter(organization=None).order_by().values_list("at", flat=True)
        times = {int(at.timestamp()) for at in kept}
    measured = [_one(found.get(at, [])) if at in times else None for at in grid]
    names = (*RATES, *SUMS, *HIGHEST, *(WHOLE if organizations is None else ()))
    columns: dict[str, Any] = {
        name: [None if one is None else one.get(name, 0) for one in measured] for name in names
    }
    latency = [percentiles(one["latency"]) if one else {} for one in measured]
    return {
        "step": step,
        "at": list(grid),
        "figures": columns,
        "latency_ms": {
            hop: {
                share: [one.get(hop, {}).get(share) for one in latency] for share in ("p50", "p95")
            }
            for hop in HOPS
        },
    }


def _one(parts: list[Measured]) -> Measured:
    if len(parts) == 1:
        return {"latency": {}} | parts[0]
    return summed(parts)
