"""Why a queued run waits: its position in the organization's queue, and the limit it waits for."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import ordinal

from runs.execution import run_queue
from runs.models import Run

WORDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


@dataclass(frozen=True, slots=True)
class Wait:
    """``position`` counts from 1; ``limit`` describes the limit that is reached, "" if none is."""

    position: int
    organization: str
    limit: str

    @property
    def place(self) -> str:
        number = self.position
        word = WORDS[number - 1] if number <= len(WORDS) else ordinal(number)
        return f"{word} in {self.organization}'s queue"

    @property
    def reason(self) -> str:
        return f"waits for a free place: {self.limit}" if self.limit else "waits for a worker"

    def __str__(self) -> str:
        return f"{self.place}, {self.reason}"


class Waits:
    """The waits of queued runs, read once per organization. Make a new one for each response."""

    def __init__(self) -> None:
        self._by_organization: dict[int, dict[UUID, Wait]] = {}

    def of(self, run: Run) -> Wait | None:
        """Return the wait, or ``None`` if the run is paused or not queued any more."""
        queued = run.status == Run.Status.QUEUED
        return self.find(run.pk, run.status, run.crew.organization_id) if queued else None

    def find(self, pk: UUID, status: str, organization: int) -> Wait | None:
        """The same for values that a list has read from the run."""
        if status != Run.Status.QUEUED:
            return None
        if organization not in self._by_organization:
            self._by_organization[organization] = _read(organization)
        return self._by_organization[organization].get(pk)


def _read(organization_id: int) -> dict[UUID, Wait]:
    queues = run_queue.crew_queues([organization_id])
    queued: dict[UUID, list[UUID]] = {queue.crew_id: [] for queue in queues}
    runs = Run.objects.unscoped().waiting().filter(crew__in=queued)
    if queues:
        for pk, crew_id in runs.order_by("created_at", "pk").values_list("pk", "crew"):
            queued[crew_id].append(pk)
    return {
        pk: Wait(_position(queues, queued, place, index), queue.organization.name, _reached(queue))
        for place, queue in enumerate(queues)
        for index, pk in enumerate(queued[queue.crew_id])
    }


def _position(
    queues: list[run_queue.CrewQueue], queued: dict[UUID, list[UUID]], place: int, index: int
) -> int:
    """Return the position, from 1. The crews take turns.

    Before a crew's n-th run, each other crew has started n - 1 runs, or n if its turn is earlier.
    """
    before = (
        min(len(queued[queue.crew_id]), index + (other < place))
        for other, queue in enumerate(queues)
        if other != place
    )
    return index + sum(before) + 1


def _reached(queue: run_queue.CrewQueue) -> str:
    if queue.crew.is_full:
        return f"{queue.crew.running} of {queue.crew.limit} runs of the crew are active"
    if queue.organization.is_full:
        limit = queue.organization
        return f"{limit.running} of {limit.limit} runs of {limit.name} are active"
    return ""
