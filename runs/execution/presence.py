"""A crew's activity and waiting approvals, derived from its runs, and stored on the crew."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from crews.models import Crew
from runs.models import Approval, Run, Worker


def refresh(crew_id: UUID) -> None:
    """Update ``Crew.activity`` of a crew that may have been deleted meanwhile.

    If it changed, the save emits the ``signal`` event.

    The crew's row is locked before the runs are counted. So if two runs end at the same time, the
    second one sees that the first has ended.
    """
    with transaction.atomic():
        crews = Crew.objects.unscoped().select_for_update(of=("self",))
        crew = crews.filter(pk=crew_id).first()
        if crew and crew.activity != (activity := _activity(crew)):
            crew.activity = activity
            crew.save(update_fields=["activity"])


def approval_saved(approval: Approval) -> None:
    """Update ``Crew.approvals_pending`` in the same way."""
    with transaction.atomic():
        crew = Crew.objects.unscoped().select_for_update().get(pk=approval.run.crew_id)
        pending = Approval.objects.count_of(crew)
        if crew.approvals_pending != pending:
            crew.approvals_pending = pending
            crew.save(update_fields=["approvals_pending"])


def refresh_all() -> None:
    """Update all crews whose activity is stale, each in its own transaction."""
    # The query starts at the few active runs: a query for each crew would read all of its runs.
    active, otherwise = Run.objects.active(), Crew.Status.AVAILABLE
    if not Worker.objects.alive().exists():
        active, otherwise = active.filter(origin=Run.Origin.REPORTED), Crew.Status.OFFLINE
    at_work = Q(pk__in=active.order_by().values("crew"))
    stale = Crew.objects.not_deleted().filter(
        (at_work & ~Q(activity=Crew.Status.BUSY)) | (~at_work & ~Q(activity=otherwise))
    )
    for crew_id in stale.values_list("pk", flat=True):
        refresh(crew_id)


def run_saved(run: Run, changed: Collection[str]) -> None:
    if "status" in changed:
        refresh(run.crew_id)


def crew_about_to_be_saved(crew: Crew, update_fields: Collection[str] | None) -> None:
    # A new crew, or a form that would save an activity it has read earlier.
    if update_fields is None:
        crew.activity = _activity(crew)
        crew.approvals_pending = 0 if crew.pk is None else Approval.objects.count_of(crew)


def _activity(crew: Crew) -> str:
    # Django's formsets clear the id of a crew that they are about to add.
    active = crew.runs.active() if crew.pk is not None else Run.objects.unscoped().none()
    if not Worker.objects.alive().exists():  # a reported run needs no worker
        reported = active.filter(origin=Run.Origin.REPORTED).exists()
        return Crew.Status.BUSY if reported else Crew.Status.OFFLINE
    return Crew.Status.BUSY if active.exists() else Crew.Status.AVAILABLE
