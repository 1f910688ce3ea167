"""Queues notifications in the transaction of their event; records changes of targets."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from crews.audit import receivers
from crews.audit.watched import Watched
from crews.models import Crew, Organization
from crews.models.audit_entry import Kind as AuditKind
from runs.models import Approval, BudgetAlert, Run
from runs.notifications import kinds, messages
from runs.notifications.kinds import Kind
from runs.notifications.models import Delivery, Target
from runs.schedules.models import Fire


@receiver(post_save, sender=Run)
def run_saved(instance: Run, raw: bool, update_fields: Any = None, **kwargs: Any) -> None:
    if raw or not instance.is_over or "status" not in instance.changed(update_fields):
        return
    kind = kinds.of_run(instance)
    if kind is None or not (targets := Target.objects.unscoped().wanting(instance.crew, kind)):
        return
    if kind == Kind.RECOVERED and not kinds.follows_a_failure(instance):
        return
    event = messages.of_run(instance, kind)
    Delivery.objects.unscoped().queue(f"{kind}:{instance.pk}", event, targets)


@receiver(post_save, sender=Approval)
def approval_saved(instance: Approval, created: bool, raw: bool, **kwargs: Any) -> None:
    if raw or not created or not instance.is_pending:
        return
    crew, roles = instance.run.crew, kinds.deciding(instance)
    if targets := Target.objects.unscoped().wanting(crew, Kind.APPROVAL, roles):
        event = messages.of_approval(instance)
        Delivery.objects.unscoped().queue(f"{Kind.APPROVAL}:{instance.pk}", event, targets)


@receiver(post_save, sender=BudgetAlert)
def budget_alert_saved(instance: BudgetAlert, created: bool, raw: bool, **kwargs: Any) -> None:
    if raw or not created:
        return
    if targets := Target.objects.unscoped().wanting(instance.run.crew, Kind.BUDGET):
        event = messages.of_budget_alert(instance)
        event_id = f"{Kind.BUDGET}:{kinds.budget_alert_id(instance)}"
        Delivery.objects.unscoped().queue(event_id, event, targets)


@receiver(post_save, sender=Fire)
def fire_saved(instance: Fire, raw: bool, **kwargs: Any) -> None:
    if raw or instance.outcome != Fire.Outcome.MISSED:
        return
    if targets := Target.objects.unscoped().wanting(instance.schedule.crew, Kind.SCHEDULE):
        event = messages.of_fire(instance)
        Delivery.objects.unscoped().queue(f"{Kind.SCHEDULE}:{instance.pk}", event, targets)


def watch() -> None:
    """Record in the audit trail who changes whom the organization notifies."""
    receivers.watch(
        Target,
        Watched(
            AuditKind.NOTIFICATION_CREATED,
            AuditKind.NOTIFICATION_EDITED,
            AuditKind.NOTIFICATION_DELETED,
            fields=("name", "service", "kinds", "crew", "is_active", "shown", "sealed"),
            switches={
                "sealed": (AuditKind.NOTIFICATION_ADDRESSED, AuditKind.NOTIFICATION_ADDRESSED)
            },
            hidden=frozenset({"sealed"}),
            organization="organization",
            deleted_with=(Crew, Organization),
        ),
    )
