"""One measurement, and what several rounds of it come to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Sample:
    """What one round says about a case of a figure. Units are in the values' names."""

    figure: str
    case: str
    values: dict[str, float]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` % of them lie."""
    return sorted(values)[min(int(len(values) * share / 100), len(values) - 1)]


def by_case(samples: Iterable[Sample]) -> dict[tuple, list[dict[str, float]]]:
    """The values of each round by ``(figure, case, sockets)``, in the order they first came."""
    rounds: defaultdict[tuple, list[dict[str, float]]] = defaultdict(list)
    for sample in samples:
        rounds[sample.figure, sample.case, sample.values.get("sockets")].append(sample.values)
    return dict(rounds)


def medians(samples: Iterable[Sample]) -> list[Sample]:
    """Each case once, with the median of each value."""
    return [
        Sample(figure, case, {name: median(values[name] for values in all) for name in all[0]})
        for (figure, case, _), all in by_case(samples).items()
    ]
