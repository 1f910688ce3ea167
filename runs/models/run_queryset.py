"""Asking for runs, claiming them, and finding those that need something."""

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now

from crews.models import Crew
from crews.tracking import IllegalMove, TrackedQuerySet

if TYPE_CHECKING:
    from runs.models.run import Run
    from runs.models.task_execution import TaskExecution


USED_KEY = "This key was used to ask for another run. Use a new one."


class RunQuerySet(TrackedQuerySet):
    organization_path = "crew__organization"

    def readable_by(self, user) -> Self:
        """What ``user``, who may be anonymous, may open: the visible runs and the shared ones."""
        return self.visible_to(user) | self.whoever_asks().filter(is_public=True)

    def active(self) -> Self:
        return self.filter(status__in=self.model.ACTIVE)

    def for_lists(self) -> Self:
        """Newest first, with the crew and who asked, without what may have megabytes."""
        runs = self.select_related("crew", "started_by").defer("plan", "remains")
        return runs.order_by("-created_at", "-pk")

    def hold(self, pk: uuid.UUID) -> None:
        """Lock the row until the transaction ends, without reading it."""
        list(self.whoever_asks().select_for_update().filter(pk=pk).values_list("pk"))

    def count_ended(self, task: "TaskExecution") -> None:
        """Count ``task``, which is about to be saved as ended; once, however often that is."""
        counted = task.__class__.objects.filter(pk=task.pk, ended_at__isnull=False)
        run = self.whoever_asks().filter(~models.Exists(counted), pk=task.run_id)
        # No event tells of counters, so nothing is bypassed here.
        models.QuerySet.update(run, tasks_ended=models.F("tasks_ended") + 1)

    def request(
        self,
        *,
        crew: Crew,
        user=None,
        idempotency_key: str = "",
        parent: "Run | None" = None,
        from_failed: bool = False,
    ) -> "Run":
        """Ask for a run of ``crew``; a key that the same user gave before returns that run.

        Raises ``IllegalMove`` for a crew that is deactivated or has no task, and for a key that the
        user gave for another run, of whatever crew. With a ``parent`` it is a retry: ask for these by ``Run.run_again``.
        """
        from runs import dispatch, retries

        with transaction.atomic():
            # One at a time per crew, which was reached before.
            crew = Crew.objects.whoever_asks().select_for_update().get(pk=crew.pk)
            if idempotency_key:
                # The user's own runs, of every crew.
                asked = self.model.objects.whoever_asks().filter(started_by=user)
                if run := asked.filter(idempotency_key=idempotency_key).first():
                    if (run.crew_id, run.parent_id) != (crew.pk, parent and parent.pk):
                        raise IllegalMove(USED_KEY)
                    return run
            if not crew.is_active:
                raise IllegalMove(f"Crew {crew} is deactivated. Activate it to start a run.")
            if not crew.tasks.exists():
                raise IllegalMove(f"Crew {crew} has no task. Add one to start a run.")
            run = self.model(crew=crew, started_by=user, idempotency_key=idempotency_key or None)
            if parent:
                retries.follow(run, parent, from_failed=from_failed)
            try:
                with transaction.atomic():
                    run.save(force_insert=True)
            except IntegrityError:
                # Given for a run of another crew a moment ago: this crew's lock keeps no order there.
                if idempotency_key and asked.filter(idempotency_key=idempotency_key).exists():
                    raise IllegalMove(USED_KEY) from None
                raise
            transaction.on_commit(lambda: dispatch.ring(run))
        return run

    def renew_lease(self, run: "Run") -> bool:
        """Extend the lease in database time; ``False`` when this attempt does not hold it any more."""
        held = self.filter(pk=run.pk, attempt=run.own_attempt, status=self.model.Status.RUNNING)
        # No event tells of leases, so nothing is bypassed here.
        return bool(models.QuerySet.update(held, lease_until=lease_end()))

    def waiting(self, longer_than: timedelta) -> Self:
        """Queued runs that no worker has taken although the last message about them is that old.

        Without those whose crew or organization has no free place: a run that ends wakes them.
        """
        from runs import turns

        due = Now() - longer_than
        # The clock of whoever asked for the run may be ahead of the database's.
        just_made = models.Q(created_at__range=(due, Now()))
        full = [line.crew_id for line in turns.lines() if line.full]
        return self.filter(status=self.model.Status.QUEUED).exclude(
            just_made | models.Q(announced_at__gte=due) | models.Q(crew__in=full)
        )

    def note_announced(self, run: "Run") -> None:
        models.QuerySet.update(self.filter(pk=run.pk), announced_at=Now())

    def note_remains(self, run: "Run", remains: list[dict]) -> None:
        """Keep what the attempt that holds the run says of its workspace; no event tells of that."""
        run.remains = remains
        held = self.filter(pk=run.pk, attempt=run.own_attempt)
        models.QuerySet.update(held, remains=remains)

    def lease_expired(self) -> Self:
        return self.filter(status=self.model.Status.RUNNING, lease_until__lt=Now())


def lease_end() -> models.expressions.Combinable:
    return Now() + timedelta(seconds=settings.RUN_LEASE_S)
