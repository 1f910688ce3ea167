"""A call of ``POST /api/report/``: its events, run by run, in transactions of one run each."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import BigIntegerField, TextField

from crews.compiled_queries import BindParam, Select
from crews.models import ApiKey, Crew, Organization
from crews.scoping import unscoped
from runs.models import ReportedRun, Run, SeenEvent
from runs.reporting import transactions
from runs.reporting.agents import make_agents
from runs.reporting.report_body import Item
from runs.reporting.reported_kinds import Boot, Done, InvalidEvent
from runs.reporting.reported_times import start_of_run
from runs.reporting.transactions import ReportResult, digest_of

CREWS_AT_MOST = 500  # of an organization, while reports create crews
RUNS_AT_MOST = 1000  # open reported runs of an organization
# In a transaction, because other writers wait for its locks. 50 spans are one transaction.
EVENTS_AT_ONCE = 128
KNOWN = Select(
    lambda: ReportedRun.objects.filter(
        organization=BindParam("organization", BigIntegerField()), key=BindParam("key", TextField())
    ).values_list("pk", "run__plan__agents")
)


def apply_events(key: ApiKey, items: Sequence[Item], received: datetime) -> ReportResult:
    """Apply the events of a call that ``key`` authenticated."""
    result = ReportResult()
    by_run: dict[str, list[Item]] = {}
    for item in items:
        if item.event is None:
            result.reject(item, item.error)
        else:
            by_run.setdefault(item.event.run, []).append(item)
    # Everything that is read or written below is reached from the key's organization.
    with unscoped():
        for run, of_run in by_run.items():
            _Call(key, run, received, result).apply(of_run)
    return result


class _Call:
    """The events of one run in a call."""

    def __init__(self, key: ApiKey, run: str, received: datetime, result: ReportResult) -> None:
        self._key = key
        self._run = run
        self._received = received
        self._result = result

    def apply(self, items: Iterable[Item]) -> None:
        """Apply the events in order.

        A boot that opens the run has its own transaction. It locks the crew, and the events after
        it lock the crew's graph stream, which comes before the crew in the order of locks.
        """
        together: list[Item] = []
        for item in items:
            if isinstance(item.event, Boot):
                self._apply(together)
                together = []
                if self._open(item):
                    continue
            together.append(item)
        self._apply(together)

    def _open(self, item: Item) -> bool:
        """Return whether the boot was handled here: it opened the run or was rejected.

        Otherwise the run exists, and the boot is an event like the others.
        """
        own = ReportedRun.objects.filter(organization=self._key.organization_id)
        if own.filter(key=self._run).exists():
            return False
        boot: Boot = item.event
        received = self._received.timestamp()
        at = received if boot.at is None else boot.at
        try:
            running = own.filter(run__status=Run.Status.RUNNING)
            if running.count() >= RUNS_AT_MOST:
                raise InvalidEvent(
                    "limit", f"The organization has {RUNS_AT_MOST} reported runs open."
                )
            crew = self._crew(boot.crew)
            with transaction.atomic():
                reported = ReportedRun.objects.open(
                    crew=crew,
                    api_key=self._key,
                    key=self._run,
                    name=boot.name,
                    source=boot.origin,
                    controls="cancel" if boot.controls is None else ",".join(boot.controls[:3]),
                    started_at=start_of_run(at, self._received),
                    clock_ahead_s=max(at - received, 0.0),
                    events_seen=1,
                )
                SeenEvent.objects.create(run_id=reported.run_id, digest=digest_of(boot.id))
        except IntegrityError:  # a concurrent call has just opened it
            return False
        except InvalidEvent as error:
            self._result.reject(item, error)
        else:
            self._result.accepted += 1
            if boot.controls:
                self._result.runs[self._run] = str(reported.run_id)
        return True

    def _crew(self, slug: str) -> Crew:
        organization: Organization = self._key.organization
        crew = organization.crews.filter(slug=slug).first()
        if crew is None:
            if not organization.reports_create:
                detail = f"There is no crew {slug}, and reports may not create one."
                raise InvalidEvent("unknown_crew", detail)
            if organization.crews.count() >= CREWS_AT_MOST:
                raise InvalidEvent("limit", f"The organization has {CREWS_AT_MOST} crews.")
            try:
                with transaction.atomic():
                    crew = organization.crews.create(name=slug, slug=slug)
            except IntegrityError:
                crew = organization.crews.get(slug=slug)
        if not crew.is_active:
            raise InvalidEvent("unknown_crew", f"The crew {slug} is deactivated.")
        return crew

    def _apply(self, items: Sequence[Item]) -> None:
        if not items:
            return
        found = KNOWN.first(organization=self._key.organization_id, key=self._run)
        if found is None:
            for item in items:
                self._result.reject(item, InvalidEvent("unknown_run", "The run has had no boot."))
            return
        run_id, agents = found
        known = {agent["agent_id"] for agent in agents}
        make_agents(self._key.organization, run_id, [item.event for item in items], known)
        for batch in _batches(items):
            if isinstance(batch[0].event, Done):
                self._result.add(transactions.end(run_id, batch[0], self._received))
            else:
                self._result.add(transactions.apply(run_id, batch, self._received))


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield the items in batches. A ``done`` is alone."""
    batch: list[Item] = []
    for item in items:
        is_done = isinstance(item.event, Done)
        if batch and (is_done or len(batch) == EVENTS_AT_ONCE):
            yield batch
            batch = []
        batch.append(item)
        if is_done:
            yield batch
            batch = []
    if batch:
        yield batch
