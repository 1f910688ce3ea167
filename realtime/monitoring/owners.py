"""Finds the organizations of streams, many at once, and remembers them."""

from collections import OrderedDict
from collections.abc import Iterable
from uuid import UUID

from crews.models import Crew
from runs.models import Run

REMEMBERED = 20_000  # streams


class Owners:
    """For one thread at a time."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, int] = OrderedDict()

    def of(self, streams: Iterable[str]) -> dict[str, int]:
        """``{stream: id of its organization}``, without streams whose record does not exist."""
        wanted = set(streams)
        found = {stream: self._known[stream] for stream in wanted if stream in self._known}
        runs: dict[UUID, str] = {}
        crews: dict[UUID, list[str]] = {}
        for stream in wanted - found.keys():
            kind, _, text = stream.partition(":")
            try:
                record = UUID(text)
            except ValueError:
                continue
            if kind == "run":
                runs[record] = stream
            else:
                crews.setdefault(record, []).append(stream)
        for part in _parts(runs):
            rows = Run.objects.unscoped().filter(pk__in=part)
            for run, organization in rows.values_list("pk", "crew__organization").order_by():
                found[runs[run]] = organization
        for part in _parts(crews):
            rows = Crew.objects.unscoped().filter(pk__in=part)
            for crew, organization in rows.values_list("pk", "organization").order_by():
                found |= dict.fromkeys(crews[crew], organization)
        self._known |= found
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found


def _parts(ids: Iterable[UUID], size: int = 500) -> Iterable[list[UUID]]:
    """SQLite accepts at least 999 parameters."""
    every = list(ids)
    return (every[start : start + size] for start in range(0, len(every), size))
