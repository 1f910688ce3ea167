"""What a crew is doing, from its runs and the workers alive; kept on the crew for all to read."""

from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_save, pre_save
from django.dispatch import receiver

from crews.models import Crew
from runs.models import Run, Worker


def refresh(crew_id: UUID) -> None:
    """Bring ``Crew.activity`` up to date; the save emits the ``signal`` where it changed.

    The crew's row is locked before the runs are counted, so of two runs that end together the
    second one sees that the first has ended.
    """
    with transaction.atomic():
        crew = Crew.objects.whoever_asks().select_for_update().get(pk=crew_id)
        activity = _activity(crew)
        if crew.activity != activity:
            crew.activity = activity
            crew.save(update_fields=["activity"])


def refresh_all() -> None:
    """Bring the crews up to date that are not, each in its own transaction."""
    if Worker.objects.alive().exists():
        # From the few active runs to their crews: asking each crew would read all of its runs.
        at_work = Q(pk__in=Run.objects.active().order_by().values("crew"))
        stale = Crew.objects.filter(
            (at_work & ~Q(activity=Crew.Status.BUSY))
            | (~at_work & ~Q(activity=Crew.Status.AVAILABLE))
        )
    else:
        stale = Crew.objects.exclude(activity=Crew.Status.OFFLINE)
    for crew_id in stale.values_list("pk", flat=True):
        refresh(crew_id)


@receiver(post_save, sender=Run)
def run_saved(instance: Run, update_fields: frozenset[str] | None, **kwargs) -> None:
    if "status" in instance.changed(update_fields):
        refresh(instance.crew_id)


@receiver(pre_save, sender=Crew)
def crew_about_to_be_saved(instance: Crew, update_fields: frozenset[str] | None, **kwargs) -> None:
    # A new crew, or a form that would write back what it read a while ago.
    if update_fields is None:
        instance.activity = _activity(instance)


def _activity(crew: Crew) -> str:
    if not Worker.objects.alive().exists():
        return Crew.Status.OFFLINE
    # Django's formsets clear the id of a crew that they are about to add.
    if crew.pk is not None and crew.runs.active().exists():
        return Crew.Status.BUSY
    return Crew.Status.AVAILABLE
