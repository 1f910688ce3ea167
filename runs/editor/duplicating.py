"""What a duplicate gets besides the content of the form: the approval rules and the schedule."""

from typing import Any
from uuid import UUID

from crews.models import ApprovalRule, Crew, Organization
from runs.crew_files.writing import Description, describe_only

GONE = (
    "The crew that you duplicate is not there any more, so its approval rules cannot be copied. "
    "Make a new crew on the page New crew, and add its rules under Approvals."
)


def crew_to_duplicate(user: Any, pk: str) -> Crew | None:
    """None if there is no such crew, or the user may not edit it."""
    try:
        wanted = UUID(pk)
    except ValueError:
        return None
    managed = Crew.objects.managed_by(user).select_related("organization")
    return managed.filter(pk=wanted).first()


def copied_from(crew: Crew) -> Description:
    """For ``applying.apply``. The schedule is switched off: otherwise both crews would start."""
    found = describe_only(crew)
    if found["schedule"]:
        found["schedule"]["is_enabled"] = False
    return found


def copied_in_words(description: Description, source: Crew) -> str:
    """What ``copied_from`` has added to the description; empty if that is nothing."""
    rules, schedule = len(description["approval_rules"]), description["schedule"]
    parts = [f"{rules} approval rule{'' if rules == 1 else 's'}"] if rules else []
    if schedule:
        parts.append("the schedule, which is switched off. Switch it on under Schedule")
    return f"Copied from {source}: {' and '.join(parts)}." if parts else ""


def rules_left_behind(user: Any, source: Crew, organization: Organization) -> str:
    """A warning if rules for every crew of the source's organization do not apply any more."""
    if source.organization_id == organization.pk:
        return ""
    rules = ApprovalRule.objects.managed_by(user).filter(
        organization=source.organization_id, crew=None, is_enabled=True
    )
    if not rules.exists():
        return ""
    return (
        f"The approval rules for every crew of {source.organization} do not apply in "
        f"{organization}. Add rules under Approvals."
    )
