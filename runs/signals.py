"""The effects of a saved record besides its events, in order. Events follow in `realtime.signals`.

The order is that of the locks. The audit entry and the metrics take no lock. The crew's status
takes the crew's row and its mission stream (docs/architecture.md, "The order of locks").
"""

from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.signals import post_save, pre_delete, pre_save
from django.dispatch import receiver

from crews.models import Crew, Organization
from runs import audit, metrics
from runs.execution import budget_starts, dispatch, presence, reaper
from runs.models import Approval, Control, Run, ToolExecution
from runs.models.run_queryset import run_requested
from runs.reporting.otlp import ending


@receiver(post_save, sender=Run)
def run_saved(
    instance: Run, created: bool, raw: bool, update_fields: Any = None, **kwargs: Any
) -> None:
    changed = instance.changed(update_fields)
    if not raw:  # a fixture is not the action of a user
        audit.run_saved(instance, changed, created=created)
    metrics.run_saved(instance, changed)
    presence.run_saved(instance, changed)
    dispatch.run_saved(instance, changed)


@receiver(post_save, sender=Control)
def control_saved(instance: Control, created: bool, raw: bool, **kwargs: Any) -> None:
    if created and not raw:
        audit.control_asked(instance)


@receiver(run_requested)
def requested(run: Run, **kwargs: Any) -> None:
    budget_starts.admit(run)
    dispatch.run_requested(run)


@receiver(reaper.lease_expired_signal)
def end_by_its_spans(run: Run, **kwargs: Any) -> bool:
    return run.is_reported and ending.end(run)


@receiver(post_save, sender=ToolExecution)
def tool_saved(instance: ToolExecution, update_fields: Any = None, **kwargs: Any) -> None:
    metrics.tool_saved(instance, instance.changed(update_fields))


@receiver(post_save, sender=Approval)
def approval_saved(instance: Approval, update_fields: Any = None, **kwargs: Any) -> None:
    audit.approval_saved(instance, instance.changed(update_fields))
    presence.approval_saved(instance)


@receiver(pre_save, sender=Crew)
def crew_about_to_be_saved(instance: Crew, update_fields: Any = None, **kwargs: Any) -> None:
    presence.crew_about_to_be_saved(instance, update_fields)


@receiver(post_save, sender=Organization)
@receiver(post_save, sender=Crew)
def limit_saved(
    instance: Organization | Crew, created: bool, update_fields: Any = None, **kwargs: Any
) -> None:
    dispatch.limit_saved(instance, instance.changed(update_fields), created=created)


@receiver(pre_delete, sender=Run)
def run_about_to_be_deleted(instance: Run, origin: Model | QuerySet, **kwargs: Any) -> None:
    # A cascade deletes the run's row last, but every other method locks it first.
    Run.objects.lock_row(instance.pk)
    audit.run_about_to_be_deleted(instance, origin)
