"""The kinds of notifications: who may have them, and which ended runs cause one."""

from uuid import UUID, uuid5

from django.db import models

from crews.models.budget import Period
from runs.models import Approval, BudgetAlert, Run
from runs.models.budget_alert import WARNED_FROM_TEXT

LOST = ("worker_lost", "reporter_lost")  # reasons of runs that nothing continues


class Kind(models.TextChoices):
    FAILED = "run.failed", "A run fails"
    LOST = "run.lost", "A worker or a reporting program is lost during a run"
    RECOVERED = "run.recovered", "A crew succeeds again after a failure"
    APPROVAL = "approval.wanted", "A tool call waits for approval"
    BUDGET = "budget.alert", f"{WARNED_FROM_TEXT} of a budget is used, or more than all of it"
    SCHEDULE = "schedule.missed", "A schedule misses a time"
    TEST = "test", "Somebody presses Send a test"


CHOICES = [choice for choice in Kind.choices if choice[0] != Kind.TEST]


def of_run(run: Run) -> Kind | None:
    """The kind of a run's end, if people are notified of it."""
    if run.status == Run.Status.FAILED:
        return Kind.LOST if run.reason in LOST else Kind.FAILED
    if run.status == Run.Status.SUCCEEDED:
        return Kind.RECOVERED
    return None


def deciding(approval: Approval) -> tuple[str, ...]:
    """The roles that may decide about the call. Others are not asked to."""
    return ("admin",) if approval.admins_only else ("operator", "admin")


def budget_alert_id(alert: BudgetAlert) -> UUID:
    """The same for all runs of a crew that were active when its day's budget was used."""
    if alert.period == Period.RUN:
        return alert.pk
    about = (alert.measure, alert.level, alert.since.isoformat(), f"{alert.limit:f}")
    return uuid5(alert.run.crew_id, " ".join(map(str, about)))


def follows_a_failure(run: Run) -> bool:
    """Whether the crew's last run before this one that succeeded or failed has failed."""
    ended = Run.objects.unscoped().filter(
        crew=run.crew_id,
        created_at__lt=run.created_at,
        status__in=(Run.Status.SUCCEEDED, Run.Status.FAILED),
        deleted_at=None,
    )
    before = ended.order_by("-created_at", "-pk").values_list("status", flat=True).first()
    return before == Run.Status.FAILED
