"""Queries for runs: request and claim them, and find those that need attention."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now
from django.dispatch import Signal

from crews import batches
from crews.models import ApiKey, Crew
from crews.task_order import cycle_message
from crews.tracking import InvalidState, TrackedQuerySet
from runs import plan_progress
from runs.models import retry
from runs.models.abstract_run import AbstractRun
from runs.models.usage import Usage

# Sent with ``run``, in the transaction of the request. The receivers are in `runs.signals`.
run_requested = Signal()

# Queued runs: those that a worker may take, and those that are paused.
READY_FOR_WORKER = models.Q(status="queued", pause_requested=False)
PAUSED_IN_QUEUE = models.Q(status="queued", pause_requested=True)
USED_KEY = "This key was used to ask for another run. Use a new one."


class RunQuerySet(TrackedQuerySet):
    organization_path = "crew__organization"
    deletable = ("", "crew__")
    is_large_table = True

    def readable_by(self, user) -> Self:
        """The runs that ``user``, possibly anonymous, may open: visible ones and shared ones."""
        return self.visible_to(user) | self.unscoped().filter(is_public=True).not_deleted()

    def active(self) -> Self:
        return self.filter(status__in=self.model.ACTIVE)

    def waiting(self) -> Self:
        """The queued runs that a worker may take: those that are not paused."""
        return self.filter(READY_FOR_WORKER)

    def for_lists(self) -> Self:
        """Newest first, with all that a list shows, without columns that may have megabytes."""
        runs = self.select_related("crew", "started_by", "reported").defer("plan", "remains")
        return runs.order_by("-created_at", "-pk")

    def lock_row(self, pk: uuid.UUID) -> None:
        """Lock the row until the transaction ends, without reading it."""
        if (batch := batches.current()) and batch.get(self.model, pk):
            return
        list(self.unscoped().select_for_update().filter(pk=pk).values_list("pk"))

    def usage(self) -> Usage:
        """Return the totals of the model calls of these runs, in one query."""
        totals = {name: models.Sum(name) for name in Usage.__dataclass_fields__}
        counts = ("model_calls", "calls_without_usage", "calls_without_cost")
        sums = self.filter(origin=self.model.Origin.REPORTED).order_by().aggregate(**totals)
        return Usage(**sums | {name: sums[name] or 0 for name in counts})

    def request(
        self,
        *,
        crew: Crew,
        user=None,
        api_key: ApiKey | None = None,
        idempotency_key: str = "",
        parent: AbstractRun | None = None,
        transfer_workspace: Callable[[uuid.UUID], bool] | None = None,
        trigger: str = "",
    ) -> AbstractRun:
        """Request a run of ``crew``. ``trigger``: see `AbstractRun.Trigger`.

        If the same user or API key gave the idempotency key before, that run is returned. Raises
        ``InvalidState`` for a crew that is deactivated, has no task or has used up its day's
        budget, and for an idempotency key that was given for another run, of any crew. With a
        ``parent`` it is a retry: request retries with ``Run.run_again``.
        ``transfer_workspace``: see `retry.follow`.
        """
        with transaction.atomic():
            # One request at a time per crew. The caller has checked the access to the crew.
            crew = Crew.objects.unscoped().select_for_update().get(pk=crew.pk)
            if idempotency_key:
                # The requester's own runs, of every crew.
                asked = self.model.objects.unscoped().filter(started_by=user, api_key=api_key)
                if run := asked.filter(idempotency_key=idempotency_key).first():
                    if (run.crew_id, run.parent_id) != (crew.pk, parent and parent.pk):
                        raise InvalidState(USED_KEY)
                    return run
            if not crew.is_active:
                raise InvalidState(f"Crew {crew} is deactivated. Activate it to start a run.")
            if not crew.tasks.exists():
                raise InvalidState(f"Crew {crew} has no task. Add one to start a run.")
            run = self.model(
                crew=crew,
                plan=crew.plan(),
                started_by=user,
                api_key=api_key,
                idempotency_key=idempotency_key or None,
                trigger=trigger,
            )
            if parent:
                retry.follow(run, parent, transfer_workspace=transfer_workspace)
            if cycle := plan_progress.cycle_of(run.plan):
                raise InvalidState(cycle_message(cycle))
            try:
                with transaction.atomic():
                    run.save(force_insert=True)
            except IntegrityError:
                # Another crew's run has just taken the key: this crew's lock does not prevent that.
                if idempotency_key and asked.filter(idempotency_key=idempotency_key).exists():
                    raise InvalidState(USED_KEY) from None
                raise
            run_requested.send(sender=self.model, run=run)
        return run

    def renew_lease(self, run: AbstractRun) -> bool:
        """Extend the lease in database time. ``False`` if this attempt does not hold it anymore."""
        owned = self.filter(pk=run.pk, attempt=run.own_attempt, status=self.model.Status.RUNNING)
        # Leases emit no events, so this update bypasses nothing.
        return bool(models.QuerySet.update(owned, lease_until=lease_end()))

    def note_announced(self, run: AbstractRun) -> None:
        models.QuerySet.update(self.filter(pk=run.pk), announced_at=Now())

    def add_remains(self, run: AbstractRun, item: dict) -> None:
        """Add to ``remains``, to which other processes may be adding, too."""
        with run.locked():
            if item not in run.remains:
                self.note_remains(run, [*run.remains, item])

    def note_remains(self, run: AbstractRun, remains: list[dict]) -> None:
        """Save ``remains`` of the workspace for the attempt that holds the run. Emits no event."""
        run.remains = remains
        owned = self.filter(pk=run.pk, attempt=run.own_attempt)
        models.QuerySet.update(owned, remains=remains)

    def lease_expired(self) -> Self:
        """Running runs whose worker, or a helper of it, has not renewed its lease."""
        helped = self.model.objects.unscoped().filter(task_executions__lease_until__lt=Now())
        is_expired = models.Q(lease_until__lt=Now()) | models.Q(pk__in=helped.values("pk"))
        return self.filter(is_expired, status=self.model.Status.RUNNING)


def lease_end() -> models.expressions.Combinable:
    """The database's time at which a process that does not renew its lease counts as lost."""
    return Now() + timedelta(seconds=settings.RUN_LEASE_S)
