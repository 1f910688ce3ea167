"""Whose run is next: organizations take turns, then the crews of each, then runs as they were asked for.

A Celery message only says that something may wait. Whoever gets one claims the run whose turn it is,
whatever run the message names. Each claim gives its organization and its crew the newest number, and
the lowest number is next: between two runs of one organization each other that waits starts one.

`max_active_runs` of an organization or a crew limits how many of its runs are running. One claim is
decided at a time, so that no two of them take the same place.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Max, Min
from django.db.models.signals import post_save
from django.dispatch import receiver

from crews.models import Crew, Organization
from runs import dispatch
from runs.models import Run

CLAIM_LOCK = 0x63726577  # of PostgreSQL's advisory locks


@dataclass(slots=True)
class Group:
    """An organization or a crew: its turn, and how many of its runs run."""

    name: str
    turn: int
    limit: int | None
    running: int = 0

    @property
    def is_full(self) -> bool:
        return self.limit is not None and self.running >= self.limit


@dataclass(slots=True)
class Line:
    """The queued runs of one crew."""

    crew_id: UUID
    crew: Group
    organization_id: UUID
    organization: Group
    queued: int
    first: object  # when the oldest was asked for

    @property
    def full(self) -> Group | None:
        """What has no free place: the crew or its organization."""
        return next((group for group in (self.crew, self.organization) if group.is_full), None)

    @property
    def order(self) -> tuple:
        """Of two lines the lower one is next."""
        return (self.organization.turn, self.organization_id, self.crew.turn, self.first)


def lines(organizations: Collection | None = None) -> list[Line]:
    """The lines of all organizations, or of some, in order. Reads active runs alone, by their index."""
    runs = Run.objects.whoever_asks().order_by()
    if organizations is not None:
        runs = runs.filter(crew__organization__in=organizations)
    queued = runs.filter(status=Run.Status.QUEUED).values_list(
        *("crew", "crew__name", "crew__turn", "crew__max_active_runs"),
        *("crew__organization", "crew__organization__name", "crew__organization__turn"),
        "crew__organization__max_active_runs",
    )
    found, groups = [], {}
    for *row, number, first in queued.annotate(Count("pk"), Min("created_at")):
        crew_id, name, turn, limit, of, of_name, of_turn, of_limit = row
        crew = Group(name, turn, _limit(limit, settings.MAX_ACTIVE_RUNS_PER_CREW))
        default = settings.MAX_ACTIVE_RUNS_PER_ORGANIZATION
        organization = groups.setdefault(of, Group(of_name, of_turn, _limit(of_limit, default)))
        found.append(Line(crew_id, crew, of, organization, number, first))
    by_crew = {line.crew_id: line.crew for line in found}
    running = runs.filter(status=Run.Status.RUNNING).values_list("crew", "crew__organization")
    for crew_id, of, number in running.annotate(Count("pk")) if found else ():
        if of in groups:
            groups[of].running += number
        if crew_id in by_crew:
            by_crew[crew_id].running += number
    return sorted(found, key=lambda line: line.order)


def claim(*, worker: str, tier: str = "") -> Run | None:
    """The run whose turn it is, now running under a lease of ``worker``; ``None`` when none may start.

    ``tier`` names the box that the worker's tools run in.
    """
    with transaction.atomic():
        _one_at_a_time()
        for line in lines():
            if line.full:
                continue
            # The first that nobody has cancelled in this moment.
            if run := _queued(line).select_for_update().first():
                run.start(worker=worker, tier=tier)
                _give_turn(line)
                return run
    return None


def may_start(organization_id: UUID) -> Iterator[Run]:
    """The queued runs of the organization that have a free place, in the order of their turns."""
    taken: defaultdict[UUID, int] = defaultdict(int)
    waiting = lines([organization_id])
    newest = max((line.crew.turn for line in waiting), default=0)
    while free := [line for line in waiting if line.queued and not line.full]:
        line = min(free, key=lambda line: line.order)
        yield from _queued(line)[taken[line.crew_id] :][:1]
        taken[line.crew_id] += 1
        newest += 1
        line.queued -= 1
        line.crew.running += 1
        line.organization.running += 1
        line.crew.turn = newest


def wake(organization_id: UUID, at_most: int | None = None) -> None:
    """Tell the workers of the runs that have a free place now; their messages may be used up."""
    for number, run in enumerate(may_start(organization_id)):
        if number == at_most or not dispatch.ring(run):
            return


@receiver(post_save, sender=Run)
def run_saved(instance: Run, update_fields: frozenset[str] | None, **kwargs) -> None:
    """A run that has ended leaves its place to one other run, which may wait for nothing else."""
    was_running = instance.loaded.get("status") == Run.Status.RUNNING
    if was_running and instance.is_over and "status" in instance.changed(update_fields):
        crew = Crew.objects.whoever_asks().filter(pk=instance.crew_id)
        of, own, organizations = crew.values_list(
            "organization", "max_active_runs", "organization__max_active_runs"
        ).get()
        if _limit(own, settings.MAX_ACTIVE_RUNS_PER_CREW) or _limit(
            organizations, settings.MAX_ACTIVE_RUNS_PER_ORGANIZATION
        ):
            transaction.on_commit(partial(wake, of, 1))


@receiver(post_save, sender=Organization)
@receiver(post_save, sender=Crew)
def limit_saved(
    instance: Organization | Crew, created: bool, update_fields: frozenset[str] | None, **kwargs
) -> None:
    """A limit that was raised lets runs start that have waited for a place."""
    if not created and "max_active_runs" in instance.changed(update_fields):
        of = instance.organization_id if isinstance(instance, Crew) else instance.pk
        transaction.on_commit(partial(wake, of))


def _queued(line: Line):
    runs = Run.objects.whoever_asks().filter(crew=line.crew_id, status=Run.Status.QUEUED)
    return runs.order_by("created_at", "pk")


def _limit(own: int | None, default: int) -> int | None:
    return (default or None) if own is None else own


def _give_turn(line: Line) -> None:
    """Last, as the crew's row is locked after its runs' everywhere."""
    organizations, crews = Organization.objects.whoever_asks(), Crew.objects.whoever_asks()
    turn = organizations.aggregate(newest=Max("turn"))["newest"] + 1
    organizations.filter(pk=line.organization_id).update(turn=turn)
    crews.filter(pk=line.crew_id).update(turn=turn)


def _one_at_a_time() -> None:
    """Until the transaction ends. On SQLite there is one writer at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])
