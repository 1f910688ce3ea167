"""The events of a saved approval: see `runs.events.changes`."""

from collections.abc import Collection

from msgspec import UNSET

from runs.events.encoding import iso_utc
from runs.events.kinds import ApprovalDecided, ApprovalRequested, RunEvent
from runs.models import Approval


def of_approval(approval: Approval, changed: Collection[str], *, created: bool) -> list[RunEvent]:
    about = {
        **approval.run.event_ids,
        "approval_id": str(approval.pk),
    }
    if created:
        event = ApprovalRequested(
            **about,
            agent_id=approval.agent_id,
            tool=approval.tool,
            params=approval.params,
            expires_at=iso_utc(approval.expires_at),
            seen=approval.seen,
            admins_only=approval.admins_only,
            task_id=str(approval.task_id) if approval.task_id else UNSET,
        )
        return [event]
    if "status" in changed:
        decision = {"decision": approval.status, "by": approval.by, "note": approval.note}
        return [ApprovalDecided(**about, **decision)]
    return []
