"""The events of a saved budget alert: see `runs.events.changes`."""

from collections.abc import Collection

from runs.events.encoding import iso_utc
from runs.events.kinds import BudgetExceeded, BudgetWarning, RunEvent
from runs.models import BudgetAlert


def of_budget_alert(
    alert: BudgetAlert, changed: Collection[str], *, created: bool
) -> list[RunEvent]:
    if not created:
        return []
    about = {
        **alert.run.event_ids,
        "alert_id": str(alert.pk),
        "period": str(alert.period),
        "measure": str(alert.measure),
        "limit": float(alert.limit),
        "used": float(alert.used),
    }
    if alert.period == "day":
        about["since"] = iso_utc(alert.since)
    if alert.is_exceeded:
        return [BudgetExceeded(**about, action=str(alert.action))]
    return [BudgetWarning(**about)]
