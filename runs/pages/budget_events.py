"""Budget alerts of a run, as lines of its history."""

from runs.models import BudgetAlert
from runs.pages.history import Entry

# The fields with the times of events.
BUDGET = {"budget_warning": "at", "budget_exceeded": "at"}


def of_budget_alert(alert: BudgetAlert) -> Entry:
    whose = "Today the crew" if alert.period == "day" else "The run"
    rest = {"cancel": " It is asked to stop.", "pause": " It is asked to pause."}
    return Entry(
        f"budget_{alert.level}",
        str(alert.pk),
        alert.at,
        f"{whose} has used {alert.used_of_limit}",
        status=alert.level,
        detail="More than the budget." + rest[alert.action] if alert.is_exceeded else "",
    )
