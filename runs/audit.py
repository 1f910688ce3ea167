"""What people do with runs, for the audit trail; what happens inside a run is the event log's."""

from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver

from crews.audit.receivers import Changes, goes_with
from crews.models import AuditEntry, Crew, Organization
from crews.models.audit_entry import Kind
from runs.models import Run


@receiver(post_save, sender=Run)
def run_saved(instance: Run, created: bool, update_fields: Any, raw: bool, **kwargs: Any) -> None:
    if raw:
        return
    changed = instance.changed(update_fields)
    if created and instance.parent:
        _record(Kind.RUN_RETRIED, instance, {"parent": (None, str(instance.parent))})
    elif created:
        _record(Kind.RUN_STARTED, instance)
    elif _is_cancelled(instance, changed):
        _record(Kind.RUN_CANCELLED, instance)
    if "is_public" in changed and instance.is_public != bool(instance.loaded.get("is_public")):
        _record(Kind.RUN_SHARED if instance.is_public else Kind.RUN_UNSHARED, instance)


@receiver(pre_delete, sender=Run)
def run_about_to_be_deleted(instance: Run, origin: Model | QuerySet | None, **kwargs: Any) -> None:
    if not goes_with((Crew, Organization), origin):
        _record(Kind.RUN_DELETED, instance)


def _is_cancelled(run: Run, changed: set[str]) -> bool:
    """Whether it is being asked for; that a running one then ends is its worker's doing."""
    if "cancel_requested" in changed:
        return run.cancel_requested
    return "status" in changed and run.status == Run.Status.CANCELLED and not run.cancel_requested


def _record(kind: Kind, run: Run, changes: Changes | None = None) -> None:
    organization = run.crew.organization
    AuditEntry.objects.record(kind, about=run, organization=organization, changes=changes)
