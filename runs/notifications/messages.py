"""The text and the data of a notification.

Nothing in it is secret: runs are redacted when saved.
"""

import re
from typing import Any

from django.conf import settings
from django.utils import timezone

from crews.models import Crew
from crews.models.budget import Period
from runs.models import Approval, BudgetAlert, Run
from runs.models.budget_alert import WARNED_FROM_TEXT
from runs.notifications.kinds import Kind
from runs.schedules.models import Fire

DETAIL_LIMIT = 300  # characters
# Chat services notify a whole channel for these. Text from a program must not do that.
MENTION = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[!@#])", re.IGNORECASE)
NOT_PRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def of_run(run: Run, kind: Kind) -> dict[str, Any]:
    """The event as webhooks carry it, without its id."""
    about = f"run {str(run.pk)[:8]} of crew {run.crew_name}"
    title = {
        Kind.FAILED: f"Crew {run.crew_name} failed",
        Kind.LOST: f"Crew {run.crew_name} lost its run",
        Kind.RECOVERED: f"Crew {run.crew_name} succeeded again",
    }[kind]
    text = {
        Kind.FAILED: f"The {about} failed.",
        Kind.LOST: f"Nothing continues the {about}: its program was lost.",
        Kind.RECOVERED: f"The {about} succeeded. The one before had failed.",
    }[kind]
    detail = "" if kind == Kind.RECOVERED else plain(run.message or run.reason)[:DETAIL_LIMIT]
    return {
        "type": str(kind),
        "timestamp": _iso_ms(run.ended_at),
        "title": plain(title),
        "text": plain(text) + (f" {detail}" if detail else ""),
        "url": link(run.get_absolute_url()),
        **_of_crew(run.crew, run.crew_name),
        "run": _run(run),
    }


def of_approval(approval: Approval) -> dict[str, Any]:
    """Return the event of a call that waits, without its parameters: they may hold secrets."""
    run = approval.run
    decider = "An admin" if approval.admins_only else "An operator"
    text = (
        f"The tool {approval.tool} of agent {approval.agent_id} waits, in run {str(run.pk)[:8]} of "
        f"crew {run.crew_name}. {decider} has to approve it until "
        f"{approval.expires_at:%Y-%m-%d %H:%M} UTC, or it is denied."
    )
    return {
        "type": str(Kind.APPROVAL),
        "timestamp": _iso_ms(approval.requested_at),
        "title": plain(f"Crew {run.crew_name} waits for approval"),
        "text": plain(text),
        "url": link(approval.get_absolute_url()),
        **_of_crew(run.crew, run.crew_name),
        "run": _run(run),
        "approval": {
            "id": str(approval.pk),
            "agent_id": approval.agent_id,
            "tool": approval.tool,
            "expires_at": _iso_ms(approval.expires_at),
        },
    }


def of_budget_alert(alert: BudgetAlert) -> dict[str, Any]:
    """A budget is used up to the warning, or more than all of it."""
    run, crew = alert.run, alert.run.crew
    about = f"run {str(run.pk)[:8]} of crew {run.crew_name}"
    who = f"The {about} has" if alert.period == Period.RUN else f"Crew {crew.name} has today"
    text = f"{who} used {alert.used_of_limit}."
    if alert.is_exceeded:
        text += f" The {about} is asked to {alert.action}."
    share = "more than" if alert.is_exceeded else f"{WARNED_FROM_TEXT} of"
    return {
        "type": str(Kind.BUDGET),
        "timestamp": _iso_ms(alert.at),
        "title": plain(f"Crew {crew.name} has used {share} a budget"),
        "text": plain(text),
        "url": link(run.get_absolute_url()),
        **_of_crew(crew, run.crew_name),
        "run": _run(run),
        "budget": {
            "level": alert.level,
            "period": alert.period,
            "measure": alert.measure,
            "limit": float(alert.limit),
            "used": float(alert.used),
            "action": alert.action or None,
        },
    }


def of_fire(fire: Fire) -> dict[str, Any]:
    """A fire time of a schedule that started nothing."""
    schedule, crew = fire.schedule, fire.schedule.crew
    text = (
        f"The schedule of crew {crew.name} missed {fire.due_at:%Y-%m-%d %H:%M} UTC. {fire.detail}"
    )
    return {
        "type": str(Kind.SCHEDULE),
        "timestamp": _iso_ms(timezone.now()),
        "title": plain(f"Crew {crew.name} was not started"),
        "text": plain(text)[:DETAIL_LIMIT],
        "url": link(schedule.get_absolute_url()),
        **_of_crew(crew, crew.name),
        "schedule": {"due_at": _iso_ms(fire.due_at), "expression": schedule.expression},
    }


def of_test(name: str, by: str) -> dict[str, Any]:
    return {
        "type": str(Kind.TEST),
        "timestamp": _iso_ms(timezone.now()),
        "title": "CrewOps sends a test",
        "text": plain(f"{by} tests the target {name}."),
        "url": link("/notifications/"),
    }


def _of_crew(crew: Crew, name: str) -> dict[str, Any]:
    organization = crew.organization
    return {
        "organization": {"slug": organization.slug, "name": organization.name},
        "crew": {"id": str(crew.pk), "name": name},
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": str(run.pk),
        "status": run.status,
        "reason": run.reason,
        "started_at": _iso_ms(run.started_at),
        "ended_at": _iso_ms(run.ended_at),
    }


def link(path: str) -> str:
    """The address of a page, for people outside the site."""
    return settings.ALLOWED_ORIGINS[0].rstrip("/") + path


def plain(text: str) -> str:
    """Return ``text`` as one line without mentions. A line break could begin a mail header."""
    return MENTION.sub(lambda found: f"{found[0]}\u200b", NOT_PRINTED.sub(" ", text)).strip()


def _iso_ms(at: Any) -> str | None:
    return at and at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
