"""Order of queued runs: by organization in turn, then by its crews in turn, then by age.

A Celery message only says that a run may be waiting. The worker that gets it claims the run whose
turn it is, whichever run the message names. Each claim gives its organization and its crew the
newest number, and the lowest number is next. So between two runs of one organization, every other
organization with a waiting run starts one.

`max_active_runs` of an organization or a crew limits how many of its runs are running. Claims are
decided one at a time, so that no two of them take the same place.

A run that is paused in the queue is passed over until it is resumed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Max, Min

from crews.models import Crew, Organization
from runs.models import Run

CLAIM_LOCK = 0x63726577  # key of a PostgreSQL advisory lock


@dataclass(slots=True)
class RunLimit:
    """Of an organization or a crew: its turn, its limit, and the number of its running runs."""

    name: str
    turn: int
    limit: int | None
    running: int = 0

    @property
    def is_full(self) -> bool:
        return self.limit is not None and self.running >= self.limit


@dataclass(slots=True)
class CrewQueue:
    """The queued runs of one crew."""

    crew_id: UUID
    crew: RunLimit
    organization_id: UUID
    organization: RunLimit
    queued: int
    first: object  # creation time of the oldest

    @property
    def full(self) -> RunLimit | None:
        """The crew or the organization that has reached its limit, if any."""
        return next((limit for limit in (self.crew, self.organization) if limit.is_full), None)

    @property
    def order(self) -> tuple:
        """Sort key: the queue with the lower one is next."""
        return (self.organization.turn, self.organization_id, self.crew.turn, self.first)


def crew_queues(organizations: Collection | None = None) -> list[CrewQueue]:
    """Return the queues of all or some organizations in order. Reads only active runs, by index."""
    runs = Run.objects.unscoped().order_by()
    if organizations is not None:
        runs = runs.filter(crew__organization__in=organizations)
    queued = runs.waiting().values_list(
        *("crew", "crew__name", "crew__turn", "crew__max_active_runs"),
        *("crew__organization", "crew__organization__name", "crew__organization__turn"),
        "crew__organization__max_active_runs",
    )
    found, limits = [], {}
    for *row, number, first in queued.annotate(Count("pk"), Min("created_at")):
        crew_id, name, turn, limit, of, of_name, of_turn, of_limit = row
        crew = RunLimit(name, turn, limit_in_force(limit, settings.MAX_ACTIVE_RUNS_PER_CREW))
        default = settings.MAX_ACTIVE_RUNS_PER_ORGANIZATION
        organization = limits.setdefault(
            of, RunLimit(of_name, of_turn, limit_in_force(of_limit, default))
        )
        found.append(CrewQueue(crew_id, crew, of, organization, number, first))
    by_crew = {queue.crew_id: queue.crew for queue in found}
    running = runs.filter(status=Run.Status.RUNNING, origin=Run.Origin.WORKER)
    running = running.values_list("crew", "crew__organization")
    for crew_id, of, number in running.annotate(Count("pk")) if found else ():
        if of in limits:
            limits[of].running += number
        if crew_id in by_crew:
            by_crew[crew_id].running += number
    return sorted(found, key=lambda queue: queue.order)


def claim(*, worker: str, tier: str = "") -> Run | None:
    """Start the run whose turn it is under a lease of ``worker``; ``None`` if none may start.

    ``tier`` is the isolation tier of the worker's tools: see ``runs.tools.box``.
    """
    with transaction.atomic():
        _lock_claims()
        for queue in crew_queues():
            if queue.full:
                continue
            # The first run that has not been cancelled meanwhile.
            if run := _queued(queue).select_for_update().first():
                run.start(worker=worker, tier=tier)
                _move_to_back(queue)
                return run
    return None


def startable(organization_id: UUID) -> Iterator[Run]:
    """Yield the organization's queued runs that the limits let start, in order of their turns."""
    taken: defaultdict[UUID, int] = defaultdict(int)
    waiting = crew_queues([organization_id])
    newest = max((queue.crew.turn for queue in waiting), default=0)
    while free := [queue for queue in waiting if queue.queued and not queue.full]:
        queue = min(free, key=lambda queue: queue.order)
        yield from _queued(queue)[taken[queue.crew_id] :][:1]
        taken[queue.crew_id] += 1
        newest += 1
        queue.queued -= 1
        queue.crew.running += 1
        queue.organization.running += 1
        queue.crew.turn = newest


def _queued(queue: CrewQueue):
    runs = Run.objects.unscoped().waiting().filter(crew=queue.crew_id)
    return runs.order_by("created_at", "pk")


def limit_in_force(own: int | None, default: int) -> int | None:
    """The limit of a crew or organization; ``None`` if there is none."""
    return (default or None) if own is None else own


def _move_to_back(queue: CrewQueue) -> None:
    """Call this last: everywhere, the crew's row is locked after the rows of its runs."""
    organizations, crews = Organization.objects.unscoped(), Crew.objects.unscoped()
    turn = organizations.aggregate(newest=Max("turn"))["newest"] + 1
    organizations.filter(pk=queue.organization_id).update(turn=turn)
    crews.filter(pk=queue.crew_id).update(turn=turn)


def _lock_claims() -> None:
    """Hold a lock until the transaction ends. SQLite has only one writer at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])
